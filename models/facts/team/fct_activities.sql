with

activities as (
    select * from {{ ref('stg_activities') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

known as (
    select
        activities.*,
        case
            when {{ local_date('activities.completed_at') }} <= reporting_window.as_of then activities.completed_at
        end as known_completed_at
    from activities
    cross join reporting_window
    where {{ local_date('activities.occurred_at') }} <= reporting_window.as_of
)

select
    -- ids
    known.activity_id,
    {{ segment('users.user_id', key='known.user_id', found='users.user_id') }} as owner_id,
    known.account_id,
    known.lead_id,
    known.deal_id,
    known.ticket_id,

    -- segments
    {{ segment('users.team', key='known.user_id', found='users.user_id') }} as team,
    known.activity_type,
    {{ segment('known.channel') }} as channel,
    {{ segment('known.direction') }} as direction,

    -- durations
    known.duration_minutes,

    -- booleans
    coalesce(known.is_automated, false) as is_automated,
    case when known.due_at is not null then coalesce(known.known_completed_at <= known.due_at, false) end as is_done_on_time,

    -- dates
    {{ local_date('known.occurred_at') }} as occurred_on,
    {{ local_date('known.due_at') }} as due_on,
    {{ local_date('known.known_completed_at') }} as completed_on,

    -- timestamps
    known.due_at,
    known.known_completed_at as completed_at
from known
left join users on known.user_id = users.user_id
