-- One row per deal that counts: the deal, whether it is won, lost or open, and since when. It holds all of the deal, since joining
-- ten million deals to themselves costs more than all else.
with

deals_with_stages as (
    select
        deal.*,
        stage.label as stage_label,
        stage.probability,
        -- Before there was a flag is_closed, only a probability of 0 said that a stage means lost.
        coalesce(stage.is_closed, stage.closed_won or stage.probability = 0) as is_closed_stage
    from deal
    left join stage on deal.stage_id = stage.stage_id and coalesce(deal.pipeline_id, 'default') = stage.pipeline_id
),

deals_with_status as (
    select
        *,
        case
            when is_won then 'won'
            when is_lost or is_closed then 'lost'
            when is_closed = false or (is_lost = false and is_won = false) then 'open'
            when is_closed_stage and is_won is null and coalesce(probability = 1, stage_id = 'closedwon') then 'won'
            when is_closed_stage then 'lost'
            when is_closed_stage is null and is_won is null and stage_id = 'closedwon' then 'won'
            when is_closed_stage is null and stage_id = 'closedlost' then 'lost'
            else 'open'
        end as status
    from deals_with_stages
)

select
    *,
    coalesce(stage_label, stage_id) as stage,
    -- An open deal has the day there on which it is expected to close.
    case when status <> 'open' then not_before(on_its_day(close_at), created_at) end as closed_at,
    case when status = 'open' then day_of(close_at) end as expected_close_on
from deals_with_status
