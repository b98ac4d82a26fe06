-- One row per evaluation and KPI: before and after, of the total.
select
    evaluation_name,
    kpi_id,
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
    calendar_overlap,
    control_segment
from marts.kpi_evaluation
where segment_by = 'all'
order by evaluation_name, kpi_id
