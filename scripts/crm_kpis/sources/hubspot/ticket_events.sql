with

stage_changes as (
    select
        ticket_change.ticket_id,
        ticket_change.changed_at,
        ticket_change.value,
        coalesce(ticket_stage.is_closed, upper(ticket_stage.state) = 'CLOSED', false) as is_closed
    from ticket_change
    left join ticket on ticket_change.ticket_id = ticket.ticket_id
    left join ticket_stage
        on ticket_change.value = ticket_stage.stage_id and coalesce(ticket.pipeline_id, '0') = ticket_stage.pipeline_id
    where ticket_change.property = 'hs_pipeline_stage'
),

-- To put all changes in order costs more than all else. A ticket that was closed once, at last, does not need it.
tickets_closed_again as (
    select ticket_id
    from stage_changes
    group by ticket_id
    having
        count(*) filter (where is_closed) > 1
        or max(changed_at) filter (where not is_closed) >= min(changed_at) filter (where is_closed)
),

stage_changes_with_previous as (
    select
        stage_changes.*,
        coalesce(
            lag(stage_changes.is_closed) over (partition by stage_changes.ticket_id order by stage_changes.changed_at, stage_changes.value),
            false
        ) as was_closed
    from stage_changes
    inner join tickets_closed_again on stage_changes.ticket_id = tickets_closed_again.ticket_id
    union all
    select
        stage_changes.*,
        false as was_closed
    from stage_changes
    where not exists (select 1 from tickets_closed_again where stage_changes.ticket_id = tickets_closed_again.ticket_id)
),

events as (
    select
        ticket_id || ':stage:' || strftime(changed_at, '%Y-%m-%dT%H:%M:%S.%f:') || coalesce(value, '') as event_id,
        ticket_id,
        case when is_closed and not was_closed then 'resolved' when was_closed and not is_closed then 'reopened' end as event_type,
        changed_at as occurred_at,
        cast(null as varchar) as user_id
    from stage_changes_with_previous
    union all
    select
        ticket_id || ':owner:' || strftime(changed_at, '%Y-%m-%dT%H:%M:%S.%f:') || coalesce(value, ''),
        ticket_id,
        case when value is not null then 'assigned' end,
        changed_at,
        cast(null as varchar)
    from ticket_change
    where property = 'hubspot_owner_id'
    union all
    select
        engagement_ticket.ticket_id || ':email:' || engagement.engagement_id,
        engagement_ticket.ticket_id,
        case
            when upper(engagement.direction) = 'INCOMING_EMAIL' then 'customer_message'
            when upper(engagement.direction) in ('EMAIL', 'FORWARDED_EMAIL') then 'agent_message'
        end,
        engagement.occurred_at,
        case when upper(engagement.direction) in ('EMAIL', 'FORWARDED_EMAIL') then engagement.owner_id end
    from engagement_ticket
    inner join engagement on engagement_ticket.engagement_id = engagement.engagement_id
    where engagement.landed_table in ('engagement_email', 'engagements_emails')
)

select
    events.event_id,
    events.ticket_id,
    events.event_type,
    events.occurred_at,
    events.user_id,
    case
        when ticket.ticket_id is null then 'of a ticket left out'
        when events.event_type is null then 'neither opened, closed nor assigned'
    end as _left_out
from events
left join ticket on events.ticket_id = ticket.ticket_id
