-- The rule of indents takes the lines of a loop over columns for wrongly indented.
-- noqa: disable=layout.indent
with

catalogue as (
    select
        kpi_id,
        usual_change_from,
        aggregation,
        {{ testing_method() }} as testing_method
    from {{ ref('kpi_catalogue') }}
),

pairs as (
    select * from {{ ref('period_pairs') }}
    where comparison in ('evaluation', 'baseline') and baseline_snapshot is null
),

-- A week without a new customer has costs, though no cost per customer.
week_values as (
    select * from {{ ref('kpi_values') }}
    where period_grain = 'week'
),

-- What is read at the end of a period is read on a Sunday, too: weeks show how much it usually changes, and within a week it may swing.
week_ends as (
    select
        pairs.pair_id,
        before_ends.kpi_id,
        before_ends.segment_by,
        before_ends.segment,
        after_ends.kpi_value - before_ends.kpi_value as difference
    from pairs
    inner join week_values as before_ends on pairs.baseline_week_end = before_ends.period_end
    inner join week_values as after_ends
        on
            pairs.current_week_end = after_ends.period_end
            and before_ends.kpi_id = after_ends.kpi_id
            and before_ends.segment_by = after_ends.segment_by
            and before_ends.segment = after_ends.segment
    inner join catalogue on before_ends.kpi_id = catalogue.kpi_id
    where catalogue.usual_change_from = 'period ends'
),

-- So it is with a rate whose two sides come at days of their own: costs that are booked each Monday fall four or five times into 30 days.
whole_weeks as (
    select
        pairs.pair_id,
        week_values.kpi_id,
        week_values.segment_by,
        week_values.segment,
        {% for side in ['current', 'baseline'] %}
        {% set is_within = 'week_values.period_start >= pairs.' ~ side ~ '_start and week_values.period_end <= pairs.' ~ side ~ '_end' %}
        {{ '- ' if loop.last }}{{ sum_in_order('week_values.numerator', 'week_values.period_start', is_within) }}
        / nullif({{ sum_in_order('week_values.denominator', 'week_values.period_start', is_within) }}, 0){{ ' as difference' if loop.last }}
        {% endfor %}
    from pairs
    cross join week_values
    inner join catalogue on week_values.kpi_id = catalogue.kpi_id
    where
        week_values.segment_by = 'all'
        and week_values.coverage = 'full'
        and catalogue.usual_change_from = 'weeks'
        and catalogue.aggregation = 'ratio'
        and catalogue.testing_method = 'plain'
    group by pairs.pair_id, week_values.kpi_id, week_values.segment_by, week_values.segment
)

select
    pair_id,
    kpi_id,
    segment_by,
    segment,
    difference
from week_ends
where difference is not null
union all
select
    pair_id,
    kpi_id,
    segment_by,
    segment,
    difference
from whole_weeks
where difference is not null
