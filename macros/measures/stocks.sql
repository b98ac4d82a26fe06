{#
    Stocks: what is there at the end of a period, or at as_of in the running one (open deals, the backlog). A thing counts from its first day up
    to the day before its end: +1 on the one, -1 on the other, summed up over the days and read on the last day of each period.

        {% call stock_measures(ref('fct_tickets'), first_day='created_on', end_day='resolved_on', segments=['team']) %}
            count(*) as open_tickets
        {% endcall %}

    fact       the relation to read
    first_day  its column with the first day on which a row counts
    end_day    its column with the first day on which it no longer does; NULL: it still does
    segments   its segment dimensions
    read_on    the day on which a stock is read, over the columns of periods
#}
{% macro stock_measures(fact, first_day, end_day, segments, read_on='read_on') -%}
{%- set measures = crm_kpis.parse_measures(caller()) -%}
{%- if not measures -%}{{ return(crm_kpis.no_measures()) }}{%- endif -%}
{%- set segments = crm_kpis.tested_segments(segments) -%}
{%- set own = crm_kpis.own_dimensions(segments) -%}
{{ crm_kpis.stock_query(fact, first_day, end_day, segments, measures, read_on) }}
{{- crm_kpis.union_own_dimensions(crm_kpis.stock_query(fact, first_day, end_day, own, measures, read_on)) if own }}
{%- endmacro %}


{# The query of stock_measures, of parsed measures. #}
{% macro stock_query(fact, first_day, end_day, segments, measures, read_on) -%}
with

changes as (
    {{ crm_kpis.aggregate_by_segment(fact, {'day': first_day}, segments, measures, where=first_day ~ ' is not null') }}
    union all
    {{ crm_kpis.aggregate_by_segment(fact, {'day': end_day}, segments, measures, sign='-', where=end_day ~ ' is not null') }}
),

first_changes as (
    select
        segment_by,
        segment,
        min(day) as day
    from changes
    group by segment_by, segment
),

reads as (
    select
        period_id,
        {{ read_on }} as day
    from {{ ref('periods') }}
),

read_days as (
    select distinct day from reads
),

-- The days on which the stock is read stand among the changes, as changes by nothing.
changes_and_reads as (
    select
        day,
        segment_by,
        segment,
        {{ measures | map(attribute='name') | join(', ') }}
    from changes
    union all
    select
        read_days.day,
        first_changes.segment_by,
        first_changes.segment,
        {% for measure in measures %}cast(0 as {{ crm_kpis.measure_type() }}) as {{ measure.name }}{{ ', ' if not loop.last }}{% endfor %}
    from first_changes
    inner join read_days on first_changes.day <= read_days.day
),

by_day as (
    select
        day,
        segment_by,
        segment,
        {%- for measure in measures %}
        sum({{ measure.name }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from changes_and_reads
    group by day, segment_by, segment
),

running_sums as (
    select
        day,
        segment_by,
        segment,
        {%- for measure in measures %}
        cast(sum({{ measure.name }}) over so_far as {{ crm_kpis.measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from by_day
    window so_far as (
        partition by segment_by, segment order by day rows between unbounded preceding and current row
    )
),

by_period as (
    select
        reads.period_id,
        running_sums.segment_by,
        running_sums.segment,
        {{ measures | map(attribute='name') | join(', ') }}
    from running_sums
    inner join reads on running_sums.day = reads.day
)

{{ crm_kpis.unpivot_measures('by_period', measures) }}
{%- endmacro %}
