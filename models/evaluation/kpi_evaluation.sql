with

period_comparisons as (
    select * from {{ ref('period_comparisons') }}
    where comparison = 'evaluation' and segment is not null
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
    verdict,
    usual_change,
    earlier_comparisons,
    evidence_basis,
    p_value_records,
    degrees_of_freedom,
    calendar_overlap,
    control_segment,
    control_difference,
    same_mix_difference,
    mix_effect
from period_comparisons
