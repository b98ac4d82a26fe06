-- The first three letters of an id say what it is of: 003 a contact, 00Q a lead, 006 an opportunity, 500 a case.
with

tasks_and_events as (
    select
        task_id as activity_id,
        case
            when subtype in ('Email', 'ListEmail') then 'email'
            else lower(coalesce(subtype, 'task'))
        end as activity_type,
        coalesce(completed_at, noon_of(due_on), created_at) as occurred_at,
        lower(direction) as direction,
        owner_id,
        account_id,
        who_id,
        what_id,
        call_seconds / 60 as minutes,
        end_of(due_on) as due_at,
        case when is_closed then coalesce(completed_at, modified_at) end as completed_at
    from task
    union all
    select
        event_id,
        'meeting',
        started_at,
        null,
        owner_id,
        account_id,
        who_id,
        what_id,
        minutes,
        null,
        null
    from event
)

select
    activity_id,
    activity_type,
    occurred_at,
    direction,
    owner_id as user_id,
    account_id,
    case when who_id like '003%' then who_id end as contact_id,
    case when who_id like '00Q%' then who_id end as lead_id,
    case when what_id like '006%' then what_id end as deal_id,
    case when what_id like '500%' then what_id end as ticket_id,
    minutes as duration_minutes,
    due_at,
    completed_at
from tasks_and_events
