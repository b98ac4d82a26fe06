-- One row per evaluation and KPI: before and after, of the total; and the dimension between whose segments a shift did most to it.
with

mix_effects as (
    select distinct
        evaluation_name,
        kpi_id,
        segment_by,
        mix_effect
    from marts.kpi_evaluation
    where mix_effect is not null
),

ranked_effects as (
    select
        *,
        row_number() over (partition by evaluation_name, kpi_id order by abs(mix_effect) desc, segment_by) as place
    from mix_effects
)

select
    evaluation.evaluation_name,
    evaluation.kpi_id,
    evaluation.baseline_period,
    evaluation.current_period,
    evaluation.baseline_value,
    evaluation.baseline_interval_low,
    evaluation.baseline_interval_high,
    evaluation.baseline_sample_size,
    evaluation.current_value,
    evaluation.current_interval_low,
    evaluation.current_interval_high,
    evaluation.current_sample_size,
    evaluation.difference,
    evaluation.difference_low,
    evaluation.difference_high,
    evaluation.relative_change,
    evaluation.p_value,
    evaluation.p_value_adjusted,
    evaluation.verdict,
    evaluation.usual_change,
    evaluation.earlier_comparisons,
    evaluation.calendar_overlap,
    evaluation.control_segment,
    ranked_effects.segment_by as mix_by,
    ranked_effects.mix_effect
from marts.kpi_evaluation as evaluation
left join ranked_effects
    on
        evaluation.evaluation_name = ranked_effects.evaluation_name
        and evaluation.kpi_id = ranked_effects.kpi_id
        and ranked_effects.place = 1
where evaluation.segment_by = 'all'
order by evaluation.evaluation_name, evaluation.kpi_id
