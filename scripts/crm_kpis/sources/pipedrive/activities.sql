with

activities_with_deadline as (
    select
        *,
        coalesce(due_on + try_cast(due_time as time), end_of(due_on)) as due_at
    from activity
)

select
    activity_id,
    case lower(activity_type) when 'deadline' then 'task' when 'lunch' then 'meeting' else lower(activity_type) end as activity_type,
    coalesce(done_at, due_at, created_at) as occurred_at,
    owner_id as user_id,
    organization_id as account_id,
    person_id as contact_id,
    lead_id,
    deal_id,
    -- Hours and minutes as text: 00:30.
    try_cast(split_part(duration, ':', 1) as integer) * 60 + try_cast(split_part(duration, ':', 2) as integer) as duration_minutes,
    due_at,
    case when is_done then done_at end as completed_at
from activities_with_deadline
