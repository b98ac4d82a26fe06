with

events as (
    select
        message_id as event_id,
        ticket_id,
        case when is_agent then 'agent_message' else 'customer_message' end as event_type,
        sent_at as occurred_at,
        person_id
    from messages
    union all
    select
        change_id,
        ticket_id,
        case
            when status = 'solved' then 'resolved'
            when status = 'closed' then 'closed'
            when previous_status = 'solved' then 'reopened'
        end,
        changed_at,
        person_id
    from status_changes
    union all
    select
        ticket_id || ':assignee:' || strftime(changed_at, '%Y-%m-%dT%H:%M:%S.%f:') || coalesce(value, ''),
        ticket_id,
        case when value is not null then 'assigned' end,
        changed_at,
        person_id
    from field_change
    where field = 'assignee_id'
    union all
    select
        child_id || ':assignee',
        ticket_id,
        'assigned',
        occurred_at,
        person_id
    from child_event
    where assignee_id is not null
)

select
    events.event_id,
    events.ticket_id,
    events.event_type,
    events.occurred_at,
    -- -1 is the system, a customer is no user.
    case when people.is_agent then events.person_id end as user_id,
    case
        when ticket.ticket_id is null then 'of a ticket left out'
        when events.event_type is null then 'another change of the status'
    end as _left_out
from events
left join ticket on events.ticket_id = ticket.ticket_id
left join people on events.person_id = people.person_id
