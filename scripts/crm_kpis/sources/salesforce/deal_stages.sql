select
    stage_entries.opportunity_id as deal_id,
    stage_entries.stage,
    stage_entries.entered_at,
    case when opportunity.opportunity_id is null then 'of a deal left out' end as _left_out
from stage_entries
left join opportunity on stage_entries.opportunity_id = opportunity.opportunity_id
