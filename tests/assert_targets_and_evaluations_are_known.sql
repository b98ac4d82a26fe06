-- What the seeds kpi_targets and evaluations name is there, and can be measured: each problem with the way out.
with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

targets as (
    select
        kpi_targets.*,
        catalogue.good,
        catalogue.length_effect,
        catalogue.segments,
        catalogue.kpi_id is not null as is_known
    from {{ ref('kpi_targets') }} as kpi_targets
    left join catalogue on kpi_targets.kpi_id = catalogue.kpi_id
),

evaluations as (
    select * from {{ ref('evaluations') }}
),

named_periods as (
    select * from {{ ref('named_periods') }}
),

periods as (
    select * from {{ ref('periods') }}
    where period_grain = 'named'
),

snapshots as (
    select distinct
        snapshot_name,
        period_name
    from {{ source('snapshots', 'kpi_values') }}
    where period_grain = 'named'
),

target_problems as (
    select
        target_id,
        case
            when target_name is null or target is null or starts_on is null or due_on is null
                then 'target_name, target, starts_on and due_on must be given'
            when not is_known then 'kpi_id is not in the seed kpi_catalogue: ' || coalesce(kpi_id, '(empty)')
            when good = 'none' then 'no direction of this KPI is good, so that no target can be reached: take another KPI'
            when coalesce(kind, '') not in ('absolute', 'relative') then 'kind must be absolute or relative'
            when starts_on >= due_on then 'due_on must be after starts_on'
            when kind = 'relative' and baseline_period is null then 'a relative target needs a baseline_period'
            when baseline_period is not null and baseline_period not in (select named_periods.period_name from named_periods)
                then 'baseline_period is not in the seed named_periods: ' || baseline_period
            when kind = 'relative' and length_effect = 'other'
                then 'this KPI depends on the length of its period, and a month is not as long as the baseline: set an absolute target'
            when (segment_by is null) <> (segment is null) then 'segment_by and segment must both be given, or both be empty'
            when segment_by is not null and coalesce('|' || segments || '|', '') not like '%|' || segment_by || '|%'
                then 'segment_by is none of the dimensions of this KPI: ' || coalesce(segments, '(it has none)')
        end as problem
    from targets
),

evaluation_problems as (
    select
        evaluations.evaluation_name,
        case
            when evaluations.current_period is null or evaluations.baseline_period is null
                then 'baseline_period and current_period must be given'
            when evaluations.current_period not in (select named_periods.period_name from named_periods)
                then 'current_period is not in the seed named_periods: ' || evaluations.current_period
            when
                evaluations.baseline_snapshot is null
                and evaluations.baseline_period not in (select named_periods.period_name from named_periods)
                then 'baseline_period is not in the seed named_periods: ' || evaluations.baseline_period
            when
                evaluations.baseline_snapshot is not null
                and not exists (
                    select 1
                    from snapshots
                    where
                        snapshots.snapshot_name = evaluations.baseline_snapshot
                        and snapshots.period_name = evaluations.baseline_period
                )
                then
                    'there is no snapshot ' || evaluations.baseline_snapshot || ' with the named period ' || evaluations.baseline_period
                    || ': take it with crm-kpis snapshot, or leave baseline_snapshot empty'
            when baselines.period_end >= currents.period_start
                then 'baseline_period must end before current_period starts: a day in both makes neither before nor after'
        end as problem
    from evaluations
    left join periods as baselines
        on evaluations.baseline_period = baselines.period_name and evaluations.baseline_snapshot is null
    left join periods as currents on evaluations.current_period = currents.period_name
)

select
    'kpi_targets' as seed,
    target_id as name,
    problem
from target_problems
where problem is not null
union all
select
    'evaluations' as seed,
    evaluation_name as name,
    problem
from evaluation_problems
where problem is not null
