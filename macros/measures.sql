{#
    Measures: additive quantities of a fact, by period and by segment. A measure is one line of real SQL, `<aggregate> as <name>`, in the call
    block of one of these macros. Each macro renders a query of the columns

        period_id, segment_by, segment, measure, value

    with segment_by 'all' and segment 'all' for the total. Values are DECIMAL(38, 12): sums of decimals and integers are the same in every
    run, sums of doubles are not. A measure without a value (a sum of nothing) has no row.
#}

{% macro measure_type() %}{{ return('decimal(38, 12)') }}{% endmacro %}


{# The lines of a call block as a list of {name, expression}. #}
{% macro parse_measures(block) %}
    {% set measures = [] %}
    {% for line in block.strip().splitlines() if line.strip() %}
        {% set parts = line.strip().rstrip(',').rsplit(' as ', 1) %}
        {% if parts | length != 2 %}
            {{ exceptions.raise_compiler_error("a measure is one line, `<aggregate> as <name>`, and this is not: " ~ line.strip()) }}
        {% endif %}
        {% do measures.append({'expression': parts[0], 'name': parts[1]}) %}
    {% endfor %}
    {{ return(measures) }}
{% endmacro %}


{#
    Renders `select <keys>, segment_by, segment, <measures>` grouped for the total and for each segment: one plain GROUP BY each, which
    engines run many times faster than GROUPING SETS.

    relation  what to read
    keys      dict of output name to expression, grouped by beside the segment
    segments  segment dimensions
    measures  list of {name, expression}
    sign      '-' to subtract
    where     a condition, or none
#}
{% macro aggregate_by_segment(relation, keys, segments, measures, sign='', where=none) -%}
    {%- for dimension in ['all'] + segments %}
    select
        {%- for name, expression in keys.items() %}
        {{ expression }} as {{ name }},
        {%- endfor %}
        {{ segment_member(dimension) }},
        {%- for measure in measures %}
        {{ sign }}cast({{ measure.expression }} as {{ measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    {%- if where %}
    where {{ where }}
    {%- endif %}
    group by {{ keys.values() | join(', ') }}{{ ', ' ~ segment_column(dimension) if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# Renders the columns of a wide table of measures, one row a period and segment, as rows. #}
{% macro unpivot_measures(relation, measures) -%}
    select
        period_id,
        segment_by,
        segment,
        measure,
        value
    from {{ relation }}
    unpivot include nulls (value for measure in ({{ measures | map(attribute='name') | join(', ') }}))
    where value is not null
{%- endmacro %}


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
{%- set measures = parse_measures(caller()) -%}
{%- set pairs = (segments | batch(2) | list) or [[]] -%}
with

{% for pair in pairs -%}
by_day_and_pair_{{ loop.index }} as (
    select
        {{ day }} as day,
        {%- for dimension in pair %}
        {{ segment_column(dimension) }},
        {%- endfor %}
        {%- for measure in measures %}
        cast({{ measure.expression }} as {{ measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ fact }}
    where {{ where ~ ' and ' if where }}{{ day }} is not null
    group by {{ day }}{% for dimension in pair %}, {{ segment_column(dimension) }}{% endfor %}
),

{% endfor -%}
by_day as (
    {%- for dimension in ['all'] + segments %}
    select
        day,
        {{ segment_member(dimension) }},
        {%- for measure in measures %}
        cast(sum({{ measure.name }}) as {{ measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from by_day_and_pair_{{ 1 if dimension == 'all' else (loop.index0 + 1) // 2 }}
    group by day{{ ', ' ~ segment_column(dimension) if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

by_period as (
    select
        period_days.period_id,
        by_day.segment_by,
        by_day.segment,
        {%- for measure in measures %}
        cast(sum(by_day.{{ measure.name }}) as {{ measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from by_day
    inner join {{ days or ref('period_days') }} as period_days on by_day.day = period_days.day
    group by period_days.period_id, by_day.segment_by, by_day.segment
)

{{ unpivot_measures('by_period', measures) }}
{%- endmacro %}


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
{%- set measures = parse_measures(caller()) -%}
with

changes as (
    {{ aggregate_by_segment(fact, {'day': first_day}, segments, measures, where=first_day ~ ' is not null') }}
    union all
    {{ aggregate_by_segment(fact, {'day': end_day}, segments, measures, sign='-', where=end_day ~ ' is not null') }}
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
        {% for measure in measures %}cast(0 as {{ measure_type() }}) as {{ measure.name }}{{ ', ' if not loop.last }}{% endfor %}
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

running as (
    select
        day,
        segment_by,
        segment,
        {%- for measure in measures %}
        cast(sum({{ measure.name }}) over so_far as {{ measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from by_day
    window so_far as (
        partition by segment_by, segment order by day rows between unbounded preceding and current row
    )
),

by_period as (
    select
        reads.period_id,
        running.segment_by,
        running.segment,
        {{ measures | map(attribute='name') | join(', ') }}
    from running
    inner join reads on running.day = reads.day
)

{{ unpivot_measures('by_period', measures) }}
{%- endmacro %}


{#
    The rest: what can't be put together from days, over rows that carry their period already (employees of a period).

        {% call period_measures(ref('int_employee_periods'), segments=['team']) %}
            count(*) as employees
        {% endcall %}
#}
{% macro period_measures(relation, segments) -%}
{%- set measures = parse_measures(caller()) -%}
with

by_period as (
    {{ aggregate_by_segment(relation, {'period_id': 'period_id'}, segments, measures) }}
)

{{ unpivot_measures('by_period', measures) }}
{%- endmacro %}


{#
    A median by period and segment, exact; of an even number of values it is the mean of the two in the middle.

        {{ median_measure('sales_cycle_days_median', ref('fct_deals'), day='closed_on', value='sales_cycle_days', segments=['owner']) }}

    name      the measure's name
    fact      the relation to read
    day       its column that puts a row into a period; rows without it are in none
    value     its column of which the median is taken, whole numbers; rows without it do not count
    segments  its segment dimensions

    Durations in seconds are nearly all different, and each row counts in six periods for each segment: to sort them all would take most of
    a run. So values are counted by steps first, which tells the step that holds the middle. Where that holds one value, it is the median; of
    the others only what lies in it is sorted.
#}
{% macro median_measure(name, fact, day, value, segments) -%}
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

-- Days that lie in the same periods, some six in a row, count as one: the first of them.
spans as (
    select
        day,
        min(day) over (partition by period_ids) as span
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
        {{ magnitude_step('fact.' ~ value) }} as step,
        fact.{{ value }} as observed
        {%- for dimension in segments %},
        fact.{{ segment_column(dimension) }}
        {%- endfor %}
    from {{ fact }} as fact
    inner join spans on fact.{{ day }} = spans.day
    where fact.{{ value }} is not null
),

steps_by_segment as (
    {%- for dimension in ['all'] + segments %}
    select
        span,
        {{ segment_member(dimension) }},
        step,
        count(*) as times,
        min(observed) as lowest,
        max(observed) as highest
    from observations
    group by span, step{{ ', ' ~ segment_column(dimension) if dimension != 'all' }}
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

ranked as (
    select
        *,
        cast(
            sum(times) over (partition by period_id, member_id order by step rows between unbounded preceding and current row) as bigint
        ) as last_rank,
        cast(sum(times) over (partition by period_id, member_id) as bigint) as total
    from steps_by_period
),

-- Of an odd number of values the two in the middle are one.
with_middle as (
    select
        period_id,
        member_id,
        step,
        last_rank - times as ranks_before,
        last_rank,
        cast(floor((total + 1) / 2) as bigint) as lower_rank,
        cast(floor((total + 2) / 2) as bigint) as upper_rank
    from ranked
),

-- The places of the two within their step; NULL where one lies in another step than the other.
middle_steps as (
    select
        period_id,
        member_id,
        step,
        case when ranks_before < lower_rank then lower_rank - ranks_before end as lower_place,
        case when upper_rank <= last_rank then upper_rank - ranks_before end as upper_place
    from with_middle
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

to_sort as (
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
        to_sort.period_id,
        to_sort.member_id,
        to_sort.lower_place,
        to_sort.upper_place,
        observations.observed
    from observations
    inner join to_sort
        on
            observations.span = to_sort.span
            and observations.step = to_sort.step
            {%- if dimension != 'all' %}
            and observations.{{ segment_column(dimension) }} = to_sort.segment
            {%- endif %}
    where to_sort.segment_by = '{{ dimension }}'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

in_the_middle as (
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
        {{ nth_smallest('observed', 'lower_place') }} as lower_middle,
        {{ nth_smallest('observed', 'upper_place') }} as upper_middle
    from middle_values
    group by period_id, member_id, lower_place, upper_place
),

by_period as (
    select
        period_id,
        member_id,
        max(lower_middle) + max(upper_middle) as twice_the_median
    from in_the_middle
    group by period_id, member_id
)

select
    by_period.period_id,
    members.segment_by,
    members.segment,
    '{{ name }}' as measure,
    cast(by_period.twice_the_median * cast(0.5 as decimal(2, 1)) as {{ measure_type() }}) as value
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


{#
    The sum of squares of a column, from which the interval of its mean follows.

        {{ sum_of_squares('amount') }} filter (where is_won) as won_amount_squares

    column  the column
    scale   its digits after the dot

    Wider than 18 digits on purpose: DuckDB multiplies decimals of up to 18 digits in 18 digits, and fails where the square has more. Each square
    is rounded to a measure's digits, so that segments add up.
#}
{% macro sum_of_squares(column, scale=4) -%}
    {%- set wide = 'cast(' ~ column ~ ' as decimal(20, ' ~ scale ~ '))' -%}
    sum(try_cast({{ wide }} * {{ wide }} as {{ measure_type() }}))
{%- endmacro %}
