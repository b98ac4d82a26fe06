-- One row per stage, in the order in which deals go through them; of several pipelines, by its mean place.
select
    stage,
    avg(stage_order) as place
from marts.dim_pipeline_stages
group by stage
order by place, stage
