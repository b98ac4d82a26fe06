select
    stage_moves.deal_id,
    -- A stage that is no longer there is named in the change.
    coalesce(stage.name, stage_moves.name, stage_moves.stage_id) as stage,
    stage_moves.entered_at,
    case when deal.deal_id is null then 'of a deal left out' end as _left_out
from stage_moves
left join stage on stage_moves.stage_id = stage.stage_id
left join deal on stage_moves.deal_id = deal.deal_id
