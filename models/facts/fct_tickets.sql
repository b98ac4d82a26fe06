with

tickets as (
    select * from {{ ref('stg_tickets') }}
),

events as (
    select * from {{ ref('stg_ticket_events') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Where the ticket has no date of resolution, its events may: the last 'resolved' that no 'reopened' follows.
resolutions as (
    select
        events.ticket_id,
        max(events.occurred_at) filter (where events.event_type = 'resolved') as last_resolved_at,
        max(events.occurred_at) filter (where events.event_type = 'reopened') as last_reopened_at
    from events
    cross join reporting_window
    where
        events.event_type in ('resolved', 'reopened')
        and {{ local_date('events.occurred_at') }} <= reporting_window.as_of
    group by events.ticket_id
),

dated as (
    select
        tickets.*,
        coalesce(
            tickets.resolved_at,
            case
                when
                    resolutions.last_resolved_at >= tickets.created_at
                    and (
                        resolutions.last_reopened_at is null
                        or resolutions.last_reopened_at <= resolutions.last_resolved_at
                    )
                    then resolutions.last_resolved_at
            end
        ) as last_resolved_at
    from tickets
    left join resolutions on tickets.ticket_id = resolutions.ticket_id
),

-- What happened after as_of is not known yet: a ticket that is resolved later is open.
known as (
    select
        dated.*,
        {{ local_date('dated.created_at') }} as created_on,
        case
            when {{ local_date('dated.last_resolved_at') }} <= reporting_window.as_of then dated.last_resolved_at
        end as known_resolved_at,
        case
            when {{ local_date('dated.first_responded_at') }} <= reporting_window.as_of then dated.first_responded_at
        end as known_responded_at
    from dated
    cross join reporting_window
    where {{ local_date('dated.created_at') }} <= reporting_window.as_of
)

select
    -- ids
    known.ticket_id,
    {{ segment('accounts.account_id', key='known.account_id', found='accounts.account_id') }} as account_id,
    {{ segment('users.user_id', key='known.assignee_id', found='users.user_id') }} as owner_id,

    -- segments
    {{ segment('users.team', key='known.assignee_id', found='users.user_id') }} as team,
    {{ segment('known.channel') }} as channel,
    {{ segment('known.category') }} as category,
    {{ segment('known.priority') }} as priority,

    -- durations
    {{ seconds_between('known.created_at', 'known.known_responded_at') }} as first_response_seconds,
    {{ seconds_between('known.created_at', 'known.known_resolved_at') }} as resolution_seconds,

    -- booleans
    known.known_resolved_at is not null as is_resolved,

    -- dates
    known.created_on,
    {{ local_date('known.known_resolved_at') }} as resolved_on,
    case
        when known.known_resolved_at is not null then {{ local_date('known.known_resolved_at') }}
        -- Resolved, but nobody knows when: it is in no backlog, rather than in all of them for ever.
        when known.last_resolved_at is null and known.status in ('resolved', 'closed')
            then known.created_on
    end as open_until,

    -- timestamps
    known.created_at,
    known.known_responded_at as first_responded_at,
    known.known_resolved_at as resolved_at,
    known.due_at
from known
left join accounts on known.account_id = accounts.account_id
left join users on known.assignee_id = users.user_id
