-- The history of a ticket; it tells the same as the ticket's own columns. The message that opened it is exported only
-- where another one of the customer follows, or by chance.
with

steps as (
    select step, event_type::word as event_type
    from (
        values (0, 'customer_message'), (1, 'assigned'), (2, 'agent_message'), (3, 'customer_message'),
        (4, 'customer_message'), (5, 'agent_message'), (6, 'resolved'), (7, 'reopened'), (8, 'resolved'), (9, 'closed')
    ) as steps(step, event_type)
),

events as (
    select
        tickets.n * 16 + steps.step as n,
        tickets.ticket_id,
        steps.event_type,
        case steps.step
            when 0 then case when customer_messages > 1 or u('ticket_events.opening', tickets.n) < 0.2 then created_at end
            when 1 then case when u('ticket_events.assigned', tickets.n) < 0.12
                then add_days(created_at, u('ticket_events.assigning', tickets.n) * 0.9
                                          * days_between(created_at, coalesce(first_responded_at, created_at))) end
            when 2 then first_responded_at
            -- what else was said lies between the first response and the first resolution
            when 3 then case when customer_messages > 1
                then add_days(first_responded_at, 0.3 * days_between(first_responded_at, first_resolved_at)) end
            when 4 then case when customer_messages > 2
                then add_days(first_responded_at, 0.5 * days_between(first_responded_at, first_resolved_at)) end
            when 5 then case when customer_messages > 1 and u('ticket_events.answer', tickets.n) < 0.3
                then add_days(first_responded_at, 0.7 * days_between(first_responded_at, first_resolved_at)) end
            when 6 then first_resolved_at
            when 7 then reopened_at
            when 8 then case when reopened_at is not null then resolved_at end
            else case when status = 'closed' and u('ticket_events.closed', tickets.n) < 0.3
                then known(add_days(resolved_at, 2)) end
        end as occurred_at,
        case when steps.event_type in ('assigned', 'agent_message', 'resolved', 'closed') then tickets.assignee_id end
            as user_id
    from tickets, steps
)

select n, 'Q' || n as event_id, ticket_id, event_type, occurred_at, user_id
from events
where occurred_at is not null
