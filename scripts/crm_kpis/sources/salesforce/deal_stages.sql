with

-- Salesforce closes an opportunity by its stage: all of such a stage are closed.
stages as (
    select
        stage,
        bool_and(status <> 'open') as is_closing
    from closed_deals
    group by stage
)

select
    stage_entries.opportunity_id as deal_id,
    stage_entries.stage,
    stage_entries.entered_at,
    stage_entries.exited_at,
    case
        when opportunity.opportunity_id is null then 'of a deal left out'
        -- The day of the close is CloseDate, which may be another one.
        when coalesce(stages.is_closing, lower(stage_entries.stage) in ('closed won', 'closed lost'))
            then 'into a stage that closes the deal'
    end as _left_out
from stage_entries
left join opportunity on stage_entries.opportunity_id = opportunity.opportunity_id
left join stages on stage_entries.stage = stages.stage
