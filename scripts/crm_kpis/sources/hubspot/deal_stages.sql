-- The history of the property keeps every entry, the stage timing of dlt the last entry into each stage: the history of a deal where it
-- is loaded.
with

entries as (
    select
        deal_id,
        value as stage_id,
        changed_at as entered_at
    from deal_change
    union all
    select
        deal_id,
        stage_id,
        entered_at
    from stage_entry
    where entered_at is not null and not exists (select 1 from deal_change where stage_entry.deal_id = deal_change.deal_id)
),

entries_of_deals as (
    select
        entries.deal_id,
        entries.stage_id,
        entries.entered_at,
        -- A stage from which a deal was closed, and taken up again, was left then. Before the last close it goes on to the close date.
        case when lead(entries.entered_at, 2) over in_order is not null then lead(entries.entered_at) over in_order end as exited_at,
        deal_states.deal_id is null as is_orphan,
        coalesce(entries.entered_at >= deal_states.closed_at, false) as is_after_close,
        coalesce(deal_states.pipeline_id, 'default') as pipeline_id
    from entries
    left join deal_states on entries.deal_id = deal_states.deal_id
    -- A stage emptied, as when a deal is imported, is no entry.
    where entries.stage_id is not null
    window in_order as (partition by entries.deal_id order by entries.entered_at)
),

-- HubSpot wins and loses a deal by its stage: all of such a stage are won, or all are lost.
stages_of_deals as (
    select
        coalesce(pipeline_id, 'default') as pipeline_id,
        stage_id,
        bool_and(status = 'won') or bool_and(status = 'lost') as is_closing
    from deal_states
    group by all
)

select
    entries_of_deals.deal_id,
    coalesce(stage.label, similar_stage.label, entries_of_deals.stage_id) as stage,
    entries_of_deals.entered_at,
    entries_of_deals.exited_at,
    case
        when entries_of_deals.is_orphan then 'of a deal left out'
        -- The day of the close is the close date. Who closes a deal some days before it sets the outcome, no stage on the way.
        when
            not entries_of_deals.is_after_close
            and coalesce(stage.is_closed, stages_of_deals.is_closing, entries_of_deals.stage_id in ('closedwon', 'closedlost'))
            then 'outcome before the close date'
    end as _left_out
from entries_of_deals
left join stage on entries_of_deals.stage_id = stage.stage_id and entries_of_deals.pipeline_id = stage.pipeline_id
left join stages_of_deals
    on entries_of_deals.stage_id = stages_of_deals.stage_id and entries_of_deals.pipeline_id = stages_of_deals.pipeline_id
-- A stage with hyphens in its id stands in the name of a property with underscores, and a number behind it.
left join stage as similar_stage
    on
        stage.stage_id is null
        and entries_of_deals.pipeline_id = similar_stage.pipeline_id
        and similar_stage.stage_id like '%-%'
        and regexp_replace(entries_of_deals.stage_id, '_[0-9]+$', '') = replace(lower(similar_stage.stage_id), '-', '_')
