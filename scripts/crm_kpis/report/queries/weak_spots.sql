-- One row per weak spot: the members of a dimension that lag behind the rest by more than chance, the costliest first.
select
    kpi_id,
    segment_by,
    segment,
    rank,
    period_name,
    segment_value,
    rest_value,
    difference,
    likely_difference,
    p_value_adjusted,
    sample_size,
    effect,
    effect_unit
from marts.kpi_weak_spots
order by rank nulls last, kpi_id, segment_by, segment
limit 40
