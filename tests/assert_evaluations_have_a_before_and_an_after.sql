-- The baseline of an evaluation ends before its current period starts, and the snapshot that it names is there. Both depend on the data;
-- the rest is checked when the settings are read (scripts/crm_kpis/settings/checks.py).
{{ config(meta={
    'label': {'en': 'Evaluations that cannot be made', 'de': 'Auswertungen, die nicht möglich sind'},
    'shows': "'evaluations.csv, ' || evaluation_name || ': ' || problem",
}) }}

with

evaluations as (
    select * from {{ source('settings', 'evaluations') }}
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

problems as (
    select
        evaluations.evaluation_name,
        case
            when evaluations.baseline_snapshot is not null and snapshots.snapshot_name is null
                then
                    'there is no snapshot ' || evaluations.baseline_snapshot || ' with the named period ' || evaluations.baseline_period
                    || ': take it with crm-kpis snapshot, or leave baseline_snapshot empty'
            when baselines.period_end >= currents.period_start
                then 'baseline_period must end before current_period starts: a day in both is neither before nor after'
        end as problem
    from evaluations
    left join snapshots
        on evaluations.baseline_snapshot = snapshots.snapshot_name and evaluations.baseline_period = snapshots.period_name
    left join periods as baselines
        on evaluations.baseline_period = baselines.period_name and evaluations.baseline_snapshot is null
    left join periods as currents on evaluations.current_period = currents.period_name
)

select
    evaluation_name,
    problem
from problems
where problem is not null
