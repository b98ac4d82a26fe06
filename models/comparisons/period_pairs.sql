with

evaluations as (
    select * from {{ source('settings', 'evaluations') }}
),

periods as (
    select * from {{ ref('periods') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

snapshot_values as (
    select * from {{ source('snapshots', 'kpi_values') }}
),

-- What 'all' spans is what the snapshot knew of.
snapshot_windows as (
    select distinct
        snapshot_name,
        period_start as first_day,
        period_end as as_of
    from snapshot_values
    where period_grain = 'all'
),

snapshot_periods as (
    select distinct
        snapshot_name,
        period_grain,
        period_name,
        period_start,
        period_end
    from snapshot_values
    where period_grain = 'named' and is_complete
),

-- A period is as long as what is known of it. Running ones are compared with nothing.
complete_periods as (
    select
        cast(null as {{ dbt.type_string() }}) as snapshot_name,
        periods.period_grain,
        periods.period_name,
        periods.period_start,
        periods.period_end,
        {{ days_between('greatest(periods.period_start, reporting_window.first_day)', 'periods.period_end') }} + 1 as day_count,
        {{ days_between('periods.period_end', 'reporting_window.as_of') }} as days_since
    from periods
    cross join reporting_window
    where periods.is_complete and periods.period_end >= reporting_window.first_day
    union all
    select
        snapshot_periods.snapshot_name,
        snapshot_periods.period_grain,
        snapshot_periods.period_name,
        snapshot_periods.period_start,
        snapshot_periods.period_end,
        1 + {{ days_between(
            'greatest(snapshot_periods.period_start, snapshot_windows.first_day)', 'snapshot_periods.period_end'
        ) }} as day_count,
        {{ days_between('snapshot_periods.period_end', 'snapshot_windows.as_of') }} as days_since
    from snapshot_periods
    inner join snapshot_windows on snapshot_periods.snapshot_name = snapshot_windows.snapshot_name
),

evaluation_pairs as (
    select
        'evaluation' as comparison,
        evaluations.evaluation_name,
        evaluations.control_segment,
        baselines.snapshot_name as baseline_snapshot,
        baselines.period_grain as baseline_grain,
        baselines.period_name as baseline_period,
        baselines.period_start as baseline_start,
        baselines.period_end as baseline_end,
        baselines.day_count as baseline_days,
        baselines.days_since as baseline_age,
        currents.period_grain as current_grain,
        currents.period_name as current_period,
        currents.period_start as current_start,
        currents.period_end as current_end,
        currents.day_count as current_days,
        currents.days_since as current_age
    from evaluations
    inner join complete_periods as baselines
        on
            evaluations.baseline_snapshot is not distinct from baselines.snapshot_name
            and evaluations.baseline_period = baselines.period_name
    inner join complete_periods as currents
        on evaluations.current_period = currents.period_name
    where
        baselines.period_grain = 'named'
        and currents.period_grain = 'named'
        and currents.snapshot_name is null
        and baselines.period_end < currents.period_start
),

latest_periods as (
    select
        *,
        row_number() over (partition by period_grain order by period_end desc) as recency
    from complete_periods
    where snapshot_name is null and period_grain in ('month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

-- The scorecard has one baseline: of all evaluations', the one that ends last.
baselines as (
    select
        *,
        row_number() over (order by baseline_end desc, evaluation_name asc) as place
    from evaluation_pairs
),

comparisons (comparison) as (
    values ('period before'), ('year before')
),

scorecard_pairs as (
    select
        comparisons.comparison,
        cast(null as {{ dbt.type_string() }}) as evaluation_name,
        cast(null as {{ dbt.type_string() }}) as control_segment,
        befores.snapshot_name as baseline_snapshot,
        befores.period_grain as baseline_grain,
        befores.period_name as baseline_period,
        befores.period_start as baseline_start,
        befores.period_end as baseline_end,
        befores.day_count as baseline_days,
        befores.days_since as baseline_age,
        latest_periods.period_grain as current_grain,
        latest_periods.period_name as current_period,
        latest_periods.period_start as current_start,
        latest_periods.period_end as current_end,
        latest_periods.day_count as current_days,
        latest_periods.days_since as current_age
    from latest_periods
    cross join comparisons
    inner join complete_periods as befores
        on
            latest_periods.period_grain = befores.period_grain
            and case comparisons.comparison
                when 'period before' then befores.period_end = {{ add_days('latest_periods.period_start', -1) }}
                else befores.period_start = cast(latest_periods.period_start - interval 1 year as date)
            end
    where latest_periods.recency = 1 and befores.snapshot_name is null
    union all
    select
        'baseline' as comparison,
        cast(null as {{ dbt.type_string() }}) as evaluation_name,
        cast(null as {{ dbt.type_string() }}) as control_segment,
        baselines.baseline_snapshot,
        baselines.baseline_grain,
        baselines.baseline_period,
        baselines.baseline_start,
        baselines.baseline_end,
        baselines.baseline_days,
        baselines.baseline_age,
        latest_periods.period_grain as current_grain,
        latest_periods.period_name as current_period,
        latest_periods.period_start as current_start,
        latest_periods.period_end as current_end,
        latest_periods.day_count as current_days,
        latest_periods.days_since as current_age
    from latest_periods
    inner join baselines on latest_periods.period_start > baselines.baseline_end
    where latest_periods.recency = 1 and baselines.place = 1
),

every_pair as (
    select
        comparison,
        evaluation_name,
        control_segment,
        baseline_snapshot,
        baseline_grain,
        baseline_period,
        baseline_start,
        baseline_end,
        baseline_days,
        baseline_age,
        current_grain,
        current_period,
        current_start,
        current_end,
        current_days,
        current_age
    from evaluation_pairs
    union all
    select
        comparison,
        evaluation_name,
        control_segment,
        baseline_snapshot,
        baseline_grain,
        baseline_period,
        baseline_start,
        baseline_end,
        baseline_days,
        baseline_age,
        current_grain,
        current_period,
        current_start,
        current_end,
        current_days,
        current_age
    from scorecard_pairs
),

-- How alike the seasons of two evaluated periods are: by the days of each calendar month, as a share of the days of the period.
evaluated_spans as (
    select
        evaluation_name,
        {{ add_days('baseline_end', '1 - baseline_days') }} as baseline_start,
        baseline_end,
        baseline_days,
        {{ add_days('current_end', '1 - current_days') }} as current_start,
        current_end,
        current_days
    from evaluation_pairs
),

evaluated_span as (
    select
        min(baseline_start) as first_day,
        max(current_end) as last_day
    from evaluated_spans
),

evaluated_days as (
    {{ days_of('evaluated_span', 'first_day', 'last_day') }}
),

calendar_months as (
    select
        evaluated_spans.evaluation_name,
        extract(month from evaluated_days.day) as calendar_month,
        cast(count(*) filter (where evaluated_days.day <= evaluated_spans.baseline_end) as double)
        / evaluated_spans.baseline_days as baseline_share,
        cast(count(*) filter (where evaluated_days.day >= evaluated_spans.current_start) as double)
        / evaluated_spans.current_days as current_share
    from evaluated_spans
    inner join evaluated_days
        on
            evaluated_days.day between evaluated_spans.baseline_start and evaluated_spans.baseline_end
            or evaluated_days.day between evaluated_spans.current_start and evaluated_spans.current_end
    group by
        evaluated_spans.evaluation_name, evaluated_spans.baseline_days, evaluated_spans.current_days, extract(month from evaluated_days.day)
),

calendar_overlaps as (
    select
        evaluation_name,
        {{ sum_in_order('least(baseline_share, current_share)', 'calendar_month') }} as calendar_overlap
    from calendar_months
    group by evaluation_name
),

-- Two whole months, quarters or years: some KPIs can be compared between such alone.
whole_pairs as (
    select distinct
        every_pair.evaluation_name,
        every_pair.comparison,
        every_pair.current_grain
    from every_pair
    inner join periods as befores
        on every_pair.baseline_start = befores.period_start and every_pair.baseline_end = befores.period_end
    inner join periods as afters
        on
            befores.period_grain = afters.period_grain
            and every_pair.current_start = afters.period_start
            and every_pair.current_end = afters.period_end
    where
        every_pair.baseline_snapshot is null
        and befores.period_grain in ('month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
)

select
    every_pair.comparison || coalesce(' ' || every_pair.evaluation_name, '') || ' ' || every_pair.current_grain as pair_id,
    every_pair.comparison,
    every_pair.evaluation_name,
    every_pair.control_segment,
    split_part(every_pair.control_segment, '=', 1) as control_by,
    substr(every_pair.control_segment, length(split_part(every_pair.control_segment, '=', 1)) + 2) as control_member,
    every_pair.baseline_snapshot,
    every_pair.baseline_grain,
    every_pair.baseline_period,
    every_pair.baseline_start,
    every_pair.baseline_end,
    every_pair.baseline_days,
    every_pair.baseline_age,
    every_pair.current_grain,
    every_pair.current_period,
    every_pair.current_start,
    every_pair.current_end,
    every_pair.current_days,
    every_pair.current_age,
    {{ weekdays_between(add_days('every_pair.baseline_end', '1 - every_pair.baseline_days'), 'every_pair.baseline_end') }}
        as baseline_weekdays,
    {{ weekdays_between(add_days('every_pair.current_end', '1 - every_pair.current_days'), 'every_pair.current_end') }}
        as current_weekdays,
    {{ last_week_end('every_pair.baseline_end') }} as baseline_week_end,
    {{ last_week_end('every_pair.current_end') }} as current_week_end,
    calendar_overlaps.calendar_overlap,
    whole_pairs.comparison is not null as are_whole_periods
from every_pair
left join calendar_overlaps on every_pair.evaluation_name = calendar_overlaps.evaluation_name
left join whole_pairs
    on
        every_pair.evaluation_name is not distinct from whole_pairs.evaluation_name
        and every_pair.comparison = whole_pairs.comparison
        and every_pair.current_grain = whole_pairs.current_grain
