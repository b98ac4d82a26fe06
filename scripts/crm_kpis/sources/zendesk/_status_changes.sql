-- One row per change of a ticket's status.
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
)

select
    *,
    lag(status) over (partition by ticket_id order by changed_at, change_id) as previous_status
from changes
