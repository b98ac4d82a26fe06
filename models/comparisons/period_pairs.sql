with

evaluations as (
    select * from {{ ref('evaluations') }}
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
    select
        snapshot_name,
        min(period_start) as first_day,
        max(period_end) as as_of
    from snapshot_values
    where period_grain = 'all'
    group by snapshot_name
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

evaluated as (
    select
        'evaluation' as comparison,
        evaluations.evaluation_name,
        baselines.snapshot_name as baseline_snapshot,
        baselines.period_grain as baseline_grain,
        baselines.period_name as baseline_period,
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

latest as (
    select
        *,
        row_number() over (partition by period_grain order by period_end desc) as recency
    from complete_periods
    where snapshot_name is null and period_grain in ('month', 'quarter', 'year')
),

-- The scorecard has one baseline: of all evaluations', the one that ends last.
baselines as (
    select
        *,
        row_number() over (order by baseline_end desc, evaluation_name asc) as place
    from evaluated
),

scored as (
    select
        'period before' as comparison,
        cast(null as {{ dbt.type_string() }}) as evaluation_name,
        befores.snapshot_name as baseline_snapshot,
        befores.period_grain as baseline_grain,
        befores.period_name as baseline_period,
        befores.period_end as baseline_end,
        befores.day_count as baseline_days,
        befores.days_since as baseline_age,
        latest.period_grain as current_grain,
        latest.period_name as current_period,
        latest.period_start as current_start,
        latest.period_end as current_end,
        latest.day_count as current_days,
        latest.days_since as current_age
    from latest
    inner join complete_periods as befores
        on latest.period_grain = befores.period_grain and {{ add_days('latest.period_start', -1) }} = befores.period_end
    where latest.recency = 1 and befores.snapshot_name is null
    union all
    select
        'year before' as comparison,
        cast(null as {{ dbt.type_string() }}) as evaluation_name,
        befores.snapshot_name as baseline_snapshot,
        befores.period_grain as baseline_grain,
        befores.period_name as baseline_period,
        befores.period_end as baseline_end,
        befores.day_count as baseline_days,
        befores.days_since as baseline_age,
        latest.period_grain as current_grain,
        latest.period_name as current_period,
        latest.period_start as current_start,
        latest.period_end as current_end,
        latest.day_count as current_days,
        latest.days_since as current_age
    from latest
    inner join complete_periods as befores
        on
            latest.period_grain = befores.period_grain
            and cast(latest.period_start - interval 1 year as date) = befores.period_start
    where latest.recency = 1 and befores.snapshot_name is null
    union all
    select
        'baseline' as comparison,
        cast(null as {{ dbt.type_string() }}) as evaluation_name,
        baselines.baseline_snapshot,
        baselines.baseline_grain,
        baselines.baseline_period,
        baselines.baseline_end,
        baselines.baseline_days,
        baselines.baseline_age,
        latest.period_grain as current_grain,
        latest.period_name as current_period,
        latest.period_start as current_start,
        latest.period_end as current_end,
        latest.day_count as current_days,
        latest.days_since as current_age
    from latest
    inner join baselines on latest.period_start > baselines.baseline_end
    where latest.recency = 1 and baselines.place = 1
)

select
    comparison,
    evaluation_name,
    baseline_snapshot,
    baseline_grain,
    baseline_period,
    baseline_days,
    baseline_age,
    current_grain,
    current_period,
    current_start,
    current_end,
    current_days,
    current_age
from evaluated
union all
select
    comparison,
    evaluation_name,
    baseline_snapshot,
    baseline_grain,
    baseline_period,
    baseline_days,
    baseline_age,
    current_grain,
    current_period,
    current_start,
    current_end,
    current_days,
    current_age
from scored
