-- One row per target and month, oldest first: where it should be and where it is.
select
    targets.target_id,
    targets.target_name,
    targets.kpi_id,
    targets.segment_by,
    targets.segment,
    targets.kind,
    targets.starts_on,
    targets.due_on,
    targets.baseline_value,
    targets.target_value,
    targets.period_name,
    targets.period_start,
    targets.period_end,
    targets.is_complete,
    targets.kpi_value,
    targets.interval_low,
    targets.interval_high,
    targets.path_value,
    targets.gap,
    targets.status,
    targets.evidence,
    kpi_values.coverage
from marts.kpi_target_status as targets
left join marts.kpi_values as kpi_values
    on
        targets.kpi_id = kpi_values.kpi_id
        and targets.segment_by = kpi_values.segment_by
        and targets.segment = kpi_values.segment
        and targets.period_start = kpi_values.period_start
        and kpi_values.period_grain = 'month'
order by targets.target_id, targets.period_start
