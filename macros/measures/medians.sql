{#
    Medians: exact, without sorting every value.

    Macros: median_measure, median_query, magnitude_step, nth_smallest.
#}

{#
    A median by period and segment, exact; of an even number of values it is the mean of the two in the middle.

        {{ median_measure('sales_cycle_days_median', ref('fct_deals'), day='closed_on', value='sales_cycle_days', segments=['owner']) }}

    name      the measure's name
    fact      the relation to read
    day       its column that puts a row into a period; rows without it are in none
    value     its column of which the median is taken, whole numbers; rows without it do not count
    segments  its segment dimensions

#}
{% macro median_measure(name, fact, day, value, segments) -%}
{%- set own = crm_kpis.own_dimensions(segments) -%}
{{ crm_kpis.median_query(name, fact, day, value, segments) }}
{{- crm_kpis.union_own_dimensions(crm_kpis.median_query(name, fact, day, value, own)) if own }}
{%- endmacro %}


{# The query of median_measure. #}
{% macro median_query(name, fact, day, value, segments) -%}
    {{ return(adapter.dispatch('median_query', 'crm_kpis')(name, fact, day, value, segments)) }}
{%- endmacro %}

{# Spark computes a CTE anew wherever it is read, so the steps below would read the fact hundreds of times. #}
{% macro default__median_query(name, fact, day, value, segments) -%}
with

observations as (
    select
        period_days.period_id,
        fact.{{ value }} as observed
        {%- for dimension in segments %},
        fact.{{ crm_kpis.segment_column(dimension) }}
        {%- endfor %}
    from {{ fact }} as fact
    inner join {{ ref('period_days') }} as period_days on fact.{{ day }} = period_days.day
    where fact.{{ value }} is not null
),

by_period as (
    {%- for dimension in ['all'] + segments %}
    select
        period_id,
        {{ crm_kpis.segment_member(dimension) }},
        percentile(observed, 0.5) as middle
    from observations
    group by period_id{{ ', ' ~ crm_kpis.segment_column(dimension) if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    period_id,
    segment_by,
    segment,
    '{{ name }}' as measure,
    cast(middle as {{ crm_kpis.measure_type() }}) as value
from by_period
{%- endmacro %}

{#
    Durations in seconds are nearly all different, and each row counts in six periods for each segment: to sort them all would take most of
    a run. So values are counted by steps first, which tells the step that holds the middle. Where that holds one value, it is the median; of
    the others only what lies in it is sorted.
#}
{% macro duckdb__median_query(name, fact, day, value, segments) -%}
with

period_days as (
    select * from {{ ref('period_days') }}
),

periods_of_days as (
    select
        day,
        {{ dbt.listagg('cast(period_id as ' ~ dbt.type_string() ~ ')', "','", 'order by period_id') }} as period_ids
    from period_days
    group by day
),

-- Days that lie in the same periods, some six in a row, count as one.
spans as (
    select
        day,
        dense_rank() over (order by period_ids) as span
    from periods_of_days
),

span_periods as (
    select distinct
        spans.span,
        period_days.period_id
    from spans
    inner join period_days on spans.day = period_days.day
),

observations as (
    select
        spans.span,
        {{ crm_kpis.magnitude_step('fact.' ~ value) }} as step,
        fact.{{ value }} as observed
        {%- for dimension in segments %},
        fact.{{ crm_kpis.segment_column(dimension) }}
        {%- endfor %}
    from {{ fact }} as fact
    inner join spans on fact.{{ day }} = spans.day
    where fact.{{ value }} is not null
),

steps_by_segment as (
    {%- for dimension in ['all'] + segments %}
    select
        span,
        {{ crm_kpis.segment_member(dimension) }},
        step,
        count(*) as times,
        min(observed) as lowest,
        max(observed) as highest
    from observations
    group by span, step{{ ', ' ~ crm_kpis.segment_column(dimension) if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- Numbers are grouped and joined faster than names.
members as (
    select
        segment_by,
        segment,
        row_number() over (order by segment_by, segment) as member_id
    from (select distinct segment_by, segment from steps_by_segment) as named
),

steps_by_span as (
    select
        steps_by_segment.span,
        members.member_id,
        steps_by_segment.step,
        steps_by_segment.times,
        steps_by_segment.lowest,
        steps_by_segment.highest
    from steps_by_segment
    inner join members on steps_by_segment.segment_by = members.segment_by and steps_by_segment.segment = members.segment
),

steps_by_period as (
    select
        span_periods.period_id,
        steps_by_span.member_id,
        steps_by_span.step,
        cast(sum(steps_by_span.times) as bigint) as times
    from steps_by_span
    inner join span_periods on steps_by_span.span = span_periods.span
    group by span_periods.period_id, steps_by_span.member_id, steps_by_span.step
),

steps_ranked as (
    select
        *,
        cast(
            sum(times) over (partition by period_id, member_id order by step rows between unbounded preceding and current row) as bigint
        ) as last_rank,
        cast(sum(times) over (partition by period_id, member_id) as bigint) as total
    from steps_by_period
),

-- Of an odd number of values the two in the middle are one.
steps_with_middle as (
    select
        period_id,
        member_id,
        step,
        last_rank - times as ranks_before,
        last_rank,
        cast(floor((total + 1) / 2) as bigint) as lower_rank,
        cast(floor((total + 2) / 2) as bigint) as upper_rank
    from steps_ranked
),

-- The places of the two within their step; NULL where one lies in another step than the other.
middle_steps as (
    select
        period_id,
        member_id,
        step,
        case when ranks_before < lower_rank then lower_rank - ranks_before end as lower_place,
        case when upper_rank <= last_rank then upper_rank - ranks_before end as upper_place
    from steps_with_middle
    where ranks_before < upper_rank and lower_rank <= last_rank
),

middle_bounds as (
    select
        middle_steps.period_id,
        middle_steps.member_id,
        middle_steps.step,
        middle_steps.lower_place,
        middle_steps.upper_place,
        min(steps_by_span.lowest) as lowest,
        max(steps_by_span.highest) as highest
    from middle_steps
    inner join span_periods on middle_steps.period_id = span_periods.period_id
    inner join steps_by_span
        on
            span_periods.span = steps_by_span.span
            and middle_steps.member_id = steps_by_span.member_id
            and middle_steps.step = steps_by_span.step
    group by
        middle_steps.period_id, middle_steps.member_id, middle_steps.step, middle_steps.lower_place, middle_steps.upper_place
),

spans_to_sort as (
    select
        middle_bounds.period_id,
        middle_bounds.member_id,
        middle_bounds.step,
        middle_bounds.lower_place,
        middle_bounds.upper_place,
        members.segment_by,
        members.segment,
        span_periods.span
    from middle_bounds
    inner join members on middle_bounds.member_id = members.member_id
    inner join span_periods on middle_bounds.period_id = span_periods.period_id
    where middle_bounds.lowest < middle_bounds.highest
),

middle_values as (
    {%- for dimension in ['all'] + segments %}
    select
        spans_to_sort.period_id,
        spans_to_sort.member_id,
        spans_to_sort.lower_place,
        spans_to_sort.upper_place,
        observations.observed
    from observations
    inner join spans_to_sort
        on
            observations.span = spans_to_sort.span
            and observations.step = spans_to_sort.step
            {%- if dimension != 'all' %}
            and observations.{{ crm_kpis.segment_column(dimension) }} = spans_to_sort.segment
            {%- endif %}
    where spans_to_sort.segment_by = '{{ dimension }}'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

middle_values_of_steps as (
    select
        period_id,
        member_id,
        case when lower_place is not null then lowest end as lower_middle,
        case when upper_place is not null then lowest end as upper_middle
    from middle_bounds
    where lowest = highest
    union all
    select
        period_id,
        member_id,
        {{ crm_kpis.nth_smallest('observed', 'lower_place') }} as lower_middle,
        {{ crm_kpis.nth_smallest('observed', 'upper_place') }} as upper_middle
    from middle_values
    group by period_id, member_id, lower_place, upper_place
),

-- The lower and the upper one are in one row each, and may be in the same.
by_period as (
    select
        period_id,
        member_id,
        cast(sum(lower_middle) + sum(upper_middle) as bigint) as twice_the_median
    from middle_values_of_steps
    group by period_id, member_id
)

select
    by_period.period_id,
    members.segment_by,
    members.segment,
    '{{ name }}' as measure,
    cast(by_period.twice_the_median * cast(0.5 as decimal(2, 1)) as {{ crm_kpis.measure_type() }}) as value
from by_period
inner join members on by_period.member_id = members.member_id
{%- endmacro %}


{#
    The step that a value lies in: of values of any size there are few, sixteen to each factor of e, and a larger value is never in a lower one.
    Whole numbers up to sixteen have a step each.

        {{ magnitude_step('resolution_seconds') }} as step
#}
{% macro magnitude_step(value) -%}
    cast(sign({{ value }}) * floor(16 * ln(1 + abs(cast({{ value }} as double)))) as integer)
{%- endmacro %}


{#
    The n-th smallest value of a group, n a column that the query groups by; NULL where n is.

        {{ nth_smallest('observed', 'lower_place') }} as lower_middle
#}
{% macro nth_smallest(value, n) -%}
    {{ return(adapter.dispatch('nth_smallest', 'crm_kpis')(value, n)) }}
{%- endmacro %}

{% macro duckdb__nth_smallest(value, n) -%}
    list_extract(list_sort(list({{ value }})), {{ n }})
{%- endmacro %}

{% macro default__nth_smallest(value, n) -%}
    element_at(sort_array(collect_list({{ value }})), cast({{ n }} as int))
{%- endmacro %}
