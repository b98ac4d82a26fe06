-- One row per member of a dimension that has a name beside its id.
select
    segment_by,
    segment,
    segment_name
from marts.dim_segment_names
