-- One row per breakdown, quarter and part, oldest first: the last nine quarters that are over.
with

aged as (
    select
        *,
        dense_rank() over (partition by breakdown order by period_start desc) as age
    from marts.breakdowns
    where period_grain = 'quarter' and is_complete
)

select
    breakdown,
    period_name,
    period_start,
    part,
    part_order,
    item_count,
    share_of_previous,
    average_days
from aged
where age <= 9
order by breakdown, period_start, part_order
