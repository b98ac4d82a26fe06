{#
    Flows: what happened on a day (deals won, money spent). Aggregated by day and segment first, then summed over the days of each period.

        {% call flow_measures(ref('fct_deals'), day='closed_on', segments=['owner', 'team']) %}
            count(*) filter (where is_won) as deals_won
        {% endcall %}

    fact      the relation to read
    day       its column that puts a row into a period; rows without it are in none
    segments  its segment dimensions: best beside one another are two that depend on one another, as owner and team do, or have few members
    where     a condition that its rows must meet, or none
    days      the days of each period: period_days, which ends with as_of, unless int_planned_period_days is given

    One pass over the rows serves two dimensions, the one that comes first and the one beside it; what it finds is few rows, which are added
    up for each of the two, and for the total.
#}
{% macro flow_measures(fact, day, segments, where=none, days=none) -%}
{%- set measures = crm_kpis.parse_measures(caller()) -%}
{%- if not measures -%}{{ return(crm_kpis.no_measures()) }}{%- endif -%}
{%- set segments = crm_kpis.tested_segments(segments) -%}
{%- set own = crm_kpis.own_dimensions(segments) -%}
{{ crm_kpis.flow_query(fact, day, segments, measures, where, days) }}
{{- crm_kpis.union_own_dimensions(crm_kpis.flow_query(fact, day, own, measures, where, days)) if own }}
{%- endmacro %}


{# The query of flow_measures, of parsed measures. #}
{% macro flow_query(fact, day, segments, measures, where, days) -%}
{%- set pairs = (segments | batch(2) | list) or [[]] -%}
with

{% for pair in pairs -%}
by_day_and_pair_{{ loop.index }} as (
    select
        {{ day }} as day,
        {%- for dimension in pair %}
        {{ crm_kpis.segment_column(dimension) }},
        {%- endfor %}
        {%- for measure in measures %}
        cast({{ measure.expression }} as {{ crm_kpis.measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ fact }}
    where {{ where ~ ' and ' if where }}{{ day }} is not null
    group by {{ day }}{% for dimension in pair %}, {{ crm_kpis.segment_column(dimension) }}{% endfor %}
),

{% endfor -%}
by_day as (
    {%- for dimension in ['all'] + segments %}
    select
        day,
        {{ crm_kpis.segment_member(dimension) }},
        {%- for measure in measures %}
        cast(sum({{ measure.name }}) as {{ crm_kpis.measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from by_day_and_pair_{{ 1 if dimension == 'all' else (loop.index0 + 1) // 2 }}
    group by day{{ ', ' ~ crm_kpis.segment_column(dimension) if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

by_period as (
    select
        period_days.period_id,
        by_day.segment_by,
        by_day.segment,
        {%- for measure in measures %}
        cast(sum(by_day.{{ measure.name }}) as {{ crm_kpis.measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from by_day
    inner join {{ days or ref('period_days') }} as period_days on by_day.day = period_days.day
    group by period_days.period_id, by_day.segment_by, by_day.segment
)

{{ crm_kpis.unpivot_measures('by_period', measures) }}
{%- endmacro %}
