with

target_periods as (
    select * from {{ ref('target_periods') }}
    where period_grain = 'month'
)

select
    target_id,
    target_name,
    kpi_id,
    segment_by,
    segment,
    kind,
    starts_on,
    due_on,
    baseline_value,
    target_value,
    period_name,
    period_start,
    period_end,
    is_complete,
    kpi_value,
    interval_low,
    interval_high,
    path_value,
    gap,
    status,
    evidence
from target_periods
