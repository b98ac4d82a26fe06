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
        '{{ dimension }}' as segment_by,
        {{ "'all'" if dimension == 'all' else segment_column(dimension) }} as segment,
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
    segments  its segment dimensions
    where     a condition that its rows must meet, or none
    days      the days of each period: period_days, which ends with as_of, unless planned_period_days is given
#}
{% macro flow_measures(fact, day, segments, where=none, days=none) -%}
{%- set measures = parse_measures(caller()) -%}
with

by_day as (
    {{ aggregate_by_segment(fact, {'day': day}, segments, measures, where=(where ~ ' and ' if where else '') ~ day ~ ' is not null') }}
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

        {% call period_measures(ref('fct_employee_periods'), segments=['team']) %}
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
    value     its column of which the median is taken; rows without it do not count
    segments  its segment dimensions

    Durations in seconds are nearly all different, and each row counts in eight periods for each segment: to sort them all would take most of
    a run. So values are counted by steps first (magnitude_step), which tells the step that holds the middle; only what lies in it is ranked.
#}
{% macro median_measure(name, fact, day, value, segments) -%}
with

steps_by_day as (
    {{ aggregate_by_segment(
        fact, {'day': day, 'step': magnitude_step(value)}, segments,
        [{'name': 'times', 'expression': 'count(*)'}],
        where=day ~ ' is not null and ' ~ value ~ ' is not null'
    ) }}
),

steps_by_period as (
    select
        period_days.period_id,
        steps_by_day.segment_by,
        steps_by_day.segment,
        steps_by_day.step,
        sum(steps_by_day.times) as times
    from steps_by_day
    inner join {{ ref('period_days') }} as period_days on steps_by_day.day = period_days.day
    group by period_days.period_id, steps_by_day.segment_by, steps_by_day.segment, steps_by_day.step
),

steps_ranked as (
    select
        *,
        sum(times) over (
            partition by period_id, segment_by, segment order by step rows between unbounded preceding and current row
        ) as last_rank,
        sum(times) over (partition by period_id, segment_by, segment) as total
    from steps_by_period
),

-- The ranks in the middle are (total + 1) / 2 and (total + 2) / 2, cut to whole numbers; of an odd total they are the same.
middle_steps as (
    select
        period_id,
        segment_by,
        segment,
        step,
        last_rank - times as ranks_before,
        total + 1 - mod(total + 1, 2) as twice_lower_rank,
        total + 2 - mod(total + 2, 2) as twice_upper_rank
    from steps_ranked
    where 2 * (last_rank - times) < total + 2 - mod(total + 2, 2) and total + 1 - mod(total + 1, 2) <= 2 * last_rank
),

middle_days as (
    select
        middle_steps.*,
        period_days.day
    from middle_steps
    inner join {{ ref('period_days') }} as period_days on middle_steps.period_id = period_days.period_id
),

middle_values as (
    {%- for dimension in ['all'] + segments %}
    select
        middle_days.period_id,
        middle_days.segment_by,
        middle_days.segment,
        middle_days.step,
        fact.{{ value }} as observed,
        count(*) as times
    from {{ fact }} as fact
    inner join middle_days
        on
            fact.{{ day }} = middle_days.day
            and {{ magnitude_step('fact.' ~ value) }} = middle_days.step
            {%- if dimension != 'all' %}
            and fact.{{ segment_column(dimension) }} = middle_days.segment
            {%- endif %}
    where middle_days.segment_by = '{{ dimension }}'
    group by
        middle_days.period_id, middle_days.segment_by, middle_days.segment, middle_days.step, fact.{{ value }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

ranked as (
    select
        middle_values.period_id,
        middle_values.segment_by,
        middle_values.segment,
        middle_values.observed,
        middle_values.times,
        middle_steps.twice_lower_rank,
        middle_steps.twice_upper_rank,
        middle_steps.ranks_before + sum(middle_values.times) over so_far as last_rank
    from middle_values
    inner join middle_steps
        on
            middle_values.period_id = middle_steps.period_id
            and middle_values.segment_by = middle_steps.segment_by
            and middle_values.segment = middle_steps.segment
            and middle_values.step = middle_steps.step
    window so_far as (
        partition by middle_values.period_id, middle_values.segment_by, middle_values.segment, middle_values.step
        order by middle_values.observed rows between unbounded preceding and current row
    )
),

in_the_middle as (
    select
        period_id,
        segment_by,
        segment,
        max(observed) filter (
            where 2 * (last_rank - times) < twice_lower_rank and twice_lower_rank <= 2 * last_rank
        ) as lower_middle,
        max(observed) filter (
            where 2 * (last_rank - times) < twice_upper_rank and twice_upper_rank <= 2 * last_rank
        ) as upper_middle
    from ranked
    group by period_id, segment_by, segment
)

select
    period_id,
    segment_by,
    segment,
    '{{ name }}' as measure,
    cast((lower_middle + upper_middle) * cast(0.5 as decimal(2, 1)) as {{ measure_type() }}) as value
from in_the_middle
{%- endmacro %}


{#
    The step that a value lies in: of values of any size there are few, sixteen to each factor of e, and a larger value is never in a lower one.

        {{ magnitude_step('resolution_seconds') }} as step
#}
{% macro magnitude_step(value) -%}
    cast(sign({{ value }}) * floor(16 * ln(1 + abs(cast({{ value }} as double)))) as bigint)
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
