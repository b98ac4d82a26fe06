-- One row per change of a ticket's status, with the status before it where the ticket may have been reopened.
with

changes as (
    select
        ticket_id || ':status:' || strftime(changed_at, '%Y-%m-%dT%H:%M:%S.%f:') || coalesce(lower(value), '') as change_id,
        ticket_id,
        person_id,
        lower(value) as status,
        changed_at
    from field_change
    where field = 'status'
    union all
    select
        child_id,
        ticket_id,
        person_id,
        lower(status),
        occurred_at
    from child_event
    where status is not null
),

-- To put all changes in order costs more than all else, and only a ticket that was opened after it was solved needs it.
reopened_tickets as (
    select ticket_id
    from changes
    group by ticket_id
    having
        max(changed_at) filter (where coalesce(status, '') not in ('solved', 'closed'))
        >= min(changed_at) filter (where status = 'solved')
)

select
    changes.*,
    lag(changes.status) over (partition by changes.ticket_id order by changes.changed_at, changes.change_id) as previous_status
from changes
inner join reopened_tickets on changes.ticket_id = reopened_tickets.ticket_id
union all
select
    changes.*,
    null as previous_status
from changes
where not exists (select 1 from reopened_tickets where changes.ticket_id = reopened_tickets.ticket_id)
