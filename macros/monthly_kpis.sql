{#
    Renders a query of one row per month and one column per KPI, the total of kpi_values.

        {{ monthly_kpis(['deals_created', 'win_rate']) }}

    kpi_ids  the KPIs, which name the columns
#}
{% macro monthly_kpis(kpi_ids) -%}
with

kpi_values as (
    select * from {{ ref('kpi_values') }}
),

totals as (
    select
        kpi_id,
        period_name,
        period_start,
        period_end,
        is_complete,
        kpi_value
    from kpi_values
    where
        period_grain = 'month'
        and segment_by = 'all'
        and kpi_id in ('{{ kpi_ids | join("', '") }}')
)

select
    period_name,
    period_start,
    period_end,
    is_complete,
    {%- for kpi_id in kpi_ids %}
    max(kpi_value) filter (where kpi_id = '{{ kpi_id }}') as {{ kpi_id }}{{ ',' if not loop.last }}
    {%- endfor %}
from totals
group by period_name, period_start, period_end, is_complete
{%- endmacro %}
