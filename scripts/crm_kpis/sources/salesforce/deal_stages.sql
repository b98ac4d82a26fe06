with

-- Salesforce wins and loses an opportunity by its stage: all of such a stage are won, or all are lost.
stages as (
    select
        stage,
        bool_and(status = 'won') or bool_and(status = 'lost') as is_closing
    from closed_deals
    group by stage
)

select
    stage_entries.opportunity_id as deal_id,
    stage_entries.stage,
    stage_entries.entered_at,
    stage_entries.exited_at,
    case
        when closed_deals.opportunity_id is null then 'of a deal left out'
        -- The day of the close is CloseDate. Who closes an opportunity some days before it sets the outcome, no stage on the way.
        when
            not coalesce(stage_entries.entered_at >= closed_deals.closed_at, false)
            and coalesce(stages.is_closing, lower(stage_entries.stage) in ('closed won', 'closed lost'))
            then 'outcome before the close date'
    end as _left_out
from stage_entries
left join closed_deals on stage_entries.opportunity_id = closed_deals.opportunity_id
left join stages on stage_entries.stage = stages.stage
