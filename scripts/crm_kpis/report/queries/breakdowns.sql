-- One row per breakdown, quarter and part, oldest first: the last nine quarters that are over, and fiscal quarters. Pictures show the fiscal
-- ones where there are such.
with

shown_grain as (
    select case when count(*) > 0 then 'fiscal_quarter' else 'quarter' end as period_grain
    from marts.breakdowns
    where period_grain = 'fiscal_quarter'
),

aged as (
    select
        *,
        dense_rank() over (partition by breakdown, period_grain order by period_start desc) as age
    from marts.breakdowns
    where period_grain in ('quarter', 'fiscal_quarter') and is_complete
)

select
    aged.breakdown,
    aged.period_name,
    aged.period_start,
    aged.part,
    aged.part_order,
    aged.item_count,
    aged.share_of_previous,
    aged.average_days,
    aged.period_grain = shown_grain.period_grain as is_shown
from aged
cross join shown_grain
where aged.age <= 9
order by aged.breakdown, aged.period_start, aged.period_grain, aged.part_order
