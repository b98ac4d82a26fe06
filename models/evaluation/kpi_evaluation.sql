with

period_comparisons as (
    select * from {{ ref('period_comparisons') }}
    where comparison = 'evaluation'
)

select
    evaluation_name,
    kpi_id,
    segment_by,
    segment,
    baseline_period,
    current_period,
    baseline_value,
    baseline_interval_low,
    baseline_interval_high,
    baseline_sample_size,
    current_value,
    current_interval_low,
    current_interval_high,
    current_sample_size,
    difference,
    difference_low,
    difference_high,
    relative_change,
    p_value,
    p_value_adjusted,
    verdict
from period_comparisons
