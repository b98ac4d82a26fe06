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

-- Not dim_products, whose amounts would make measures of tickets depend on the currency.
products as (
    select * from {{ ref('stg_products') }}
),

business_days as (
    select * from {{ ref('business_days') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

dated_events as (
    select
        events.*,
        {{ local_date('events.occurred_at') }} <= reporting_window.as_of as is_known
    from events
    cross join reporting_window
),

-- What no event of the export is, its events cannot count: without a single reopening nobody knows what was not reopened.
event_types as (
    select
        count(*) filter (where event_type = 'customer_message') > 0 as has_customer_messages,
        count(*) filter (where event_type = 'reopened') > 0 as has_reopenings
    from dated_events
    where is_known
),

-- One row per ticket: counts and dates from its events.
event_counts as (
    select
        tickets.ticket_id,
        count(*) filter (where events.is_known) as known_events,
        min(events.occurred_at) filter (
            where events.is_known and events.event_type = 'agent_message' and events.occurred_at >= tickets.created_at
        ) as first_agent_message_at,
        max(events.occurred_at) filter (where events.is_known and events.event_type = 'resolved') as last_resolved_at,
        max(events.occurred_at) filter (where events.is_known and events.event_type = 'reopened') as last_reopened_at,
        count(*) filter (where not events.is_known and events.event_type = 'reopened') as later_reopenings,
        count(*) filter (where not events.is_known and events.event_type = 'resolved') as later_resolutions
    from tickets
    inner join dated_events as events on tickets.ticket_id = events.ticket_id
    group by tickets.ticket_id
),

-- Where the ticket has no date of its own, its events may: the first message of an agent, the last 'resolved' that no 'reopened' follows.
-- The ticket's own resolution is the last of all: where that lies after as_of, an earlier one may be known from the events. So may an
-- answer.
dated_tickets as (
    select
        tickets.*,
        event_counts.known_events > 0 and event_types.has_customer_messages as has_messages,
        coalesce(event_counts.later_resolutions, 0) > 0
        or coalesce({{ local_date('tickets.resolved_at') }} > reporting_window.as_of, false) as is_resolved_later,
        coalesce(
            case
                when {{ local_date('tickets.first_responded_at') }} <= reporting_window.as_of then tickets.first_responded_at
            end,
            event_counts.first_agent_message_at
        ) as known_responded_at,
        coalesce(
            case when {{ local_date('tickets.resolved_at') }} <= reporting_window.as_of then tickets.resolved_at end,
            case
                when
                    event_counts.last_resolved_at >= tickets.created_at
                    and (event_counts.last_reopened_at is null or event_counts.last_reopened_at <= event_counts.last_resolved_at)
                    then event_counts.last_resolved_at
            end
        ) as known_resolved_at,
        -- The record counts all reopenings: those that its events date after as_of are not known yet.
        case
            when event_counts.last_reopened_at is not null or tickets.reopen_count > coalesce(event_counts.later_reopenings, 0) then true
            when (event_counts.known_events > 0 and event_types.has_reopenings) or tickets.reopen_count is not null then false
        end as is_reopened
    from tickets
    cross join reporting_window
    cross join event_types
    left join event_counts on tickets.ticket_id = event_counts.ticket_id
),

-- What happened after as_of is not known yet: a ticket that is resolved later is open.
known as (
    select
        dated_tickets.*,
        {{ local_date('dated_tickets.created_at') }} as created_on
    from dated_tickets
    cross join reporting_window
    where {{ local_date('dated_tickets.created_at') }} <= reporting_window.as_of
),

messages as (
    select
        known.ticket_id,
        count(*) as customer_messages
    from known
    inner join events on known.ticket_id = events.ticket_id
    where events.event_type = 'customer_message' and events.occurred_at <= known.known_resolved_at
    group by known.ticket_id
),

-- Contacts are customer messages up to the resolution; without one, what opened the ticket. Business seconds are those since the calendar
-- began.
measured_tickets as (
    select
        known.*,
        case when known.has_messages then coalesce(messages.customer_messages, 0) else known.contact_count end as contacts,
        first_days.business_seconds_before
        + greatest(least({{ seconds_between('first_days.opens_at', 'known.created_at') }}, first_days.business_seconds), 0)
            as created_at_business_second,
        last_days.business_seconds_before
        + greatest(least({{ seconds_between('last_days.opens_at', 'known.known_resolved_at') }}, last_days.business_seconds), 0)
            as resolved_at_business_second
    from known
    left join messages on known.ticket_id = messages.ticket_id
    left join business_days as first_days
        on {{ local_date('known.created_at', business_time_zone()) }} = first_days.day
    left join business_days as last_days
        on {{ local_date('known.known_resolved_at', business_time_zone()) }} = last_days.day
)

select
    -- ids
    measured_tickets.ticket_id,
    {{ segment('accounts.account_id', key='measured_tickets.account_id', found='accounts.account_id') }} as account_id,
    {{ segment('users.user_id', key='measured_tickets.assignee_id', found='users.user_id') }} as owner_id,
    {{ segment('products.product_id', key='measured_tickets.product_id', found='products.product_id') }} as product_id,

    -- text
    measured_tickets.status,

    -- segments
    {{ segment('users.team', key='measured_tickets.assignee_id', found='users.user_id') }} as team,
    {{ segment('measured_tickets.channel') }} as channel,
    {{ segment('measured_tickets.category') }} as category,
    {{ segment('measured_tickets.priority') }} as priority,

    -- durations
    {{ seconds_between('measured_tickets.created_at', 'measured_tickets.known_responded_at') }} as first_response_seconds,
    {{ seconds_between('measured_tickets.created_at', 'measured_tickets.known_resolved_at') }} as resolution_seconds,
    measured_tickets.resolved_at_business_second - measured_tickets.created_at_business_second as resolution_business_seconds,

    -- numerics
    {{ local_weekday('measured_tickets.created_at', business_time_zone()) }} as created_weekday,
    {{ local_hour('measured_tickets.created_at', business_time_zone()) }} as created_hour,

    -- booleans
    measured_tickets.known_responded_at is not null
    or coalesce(measured_tickets.is_responded and measured_tickets.first_responded_at is null, false) as is_responded,
    measured_tickets.known_resolved_at is not null
    or coalesce(measured_tickets.is_resolved and measured_tickets.resolved_at is null, false) as is_resolved,
    case
        when
            measured_tickets.known_resolved_at is not null
            and measured_tickets.contacts is not null
            and measured_tickets.is_reopened is not null
            then measured_tickets.contacts <= 1 and not measured_tickets.is_reopened
    end as is_resolved_at_first_contact,
    measured_tickets.is_reopened,
    measured_tickets.known_resolved_at <= measured_tickets.due_at as is_within_service_level,

    -- dates
    measured_tickets.created_on,
    {{ local_date('measured_tickets.known_resolved_at') }} as resolved_on,
    case
        when measured_tickets.known_resolved_at is not null then {{ local_date('measured_tickets.known_resolved_at') }}
        -- Resolved, but nobody knows when: it is in no backlog, rather than in all of them for ever.
        when
            not measured_tickets.is_resolved_later
            and (
                measured_tickets.status in ('resolved', 'closed')
                or (measured_tickets.is_resolved and measured_tickets.resolved_at is null)
            )
            then measured_tickets.created_on
    end as open_until,

    -- timestamps
    measured_tickets.created_at,
    measured_tickets.known_responded_at as first_responded_at,
    measured_tickets.known_resolved_at as resolved_at,
    measured_tickets.due_at
from measured_tickets
left join accounts on measured_tickets.account_id = accounts.account_id
left join users on measured_tickets.assignee_id = users.user_id
left join products on measured_tickets.product_id = products.product_id
