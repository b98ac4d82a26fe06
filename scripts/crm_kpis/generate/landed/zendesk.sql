-- The company as Zendesk's records: its service only. A rating is good or bad, a first reply in whole minutes.

-- said: accounts
select account_id, name, country, created_at, updated_at
from raw.accounts

-- said: contacts
with

contacts as (
    select *, concat_ws(' ', first_name, last_name) as name
    from raw.contacts
)

select
    contact_id, account_id, nullif(regexp_replace(name, '\s*\S+$', ''), '') as first_name, regexp_extract(name, '\S+$') as last_name, email,
    phone, created_at, updated_at
from contacts

-- said: users
select user_id, name, email, team, 'service' as department
from raw.users

-- said: ticket_events
with

status_events as (
    select
        ticket_id, event_type, occurred_at, user_id,
        lag(event_type) over (partition by ticket_id order by occurred_at, event_type) as previous_type
    from raw.ticket_events
    where event_type in ('resolved', 'closed', 'reopened')
)

select ticket_id, event_type, occurred_at, user_id
from status_events
where event_type <> 'reopened' or previous_type = 'resolved'
union all
select
    ticket_id, case when event_type = 'agent_message' and user_id is null then 'customer_message' else event_type end, occurred_at,
    case when event_type <> 'customer_message' then user_id end
from raw.ticket_events
where event_type in ('customer_message', 'agent_message', 'assigned')

-- said: tickets
with

messages as (
    select
        ticket_id, event_type, user_id, occurred_at,
        row_number() over (partition by ticket_id order by occurred_at, event_id) as message_number
    from raw.ticket_events
    where event_type in ('customer_message', 'agent_message')
),

answers as (
    select ticket_id, min(occurred_at) as answered_at
    from messages
    where event_type = 'agent_message' and user_id is not null and message_number > 1
    group by ticket_id
),

solved as (
    select
        ticket_id, max(occurred_at) filter (where event_type = 'resolved') as solved_at,
        max(occurred_at) filter (where event_type = 'closed') as closed_at
    from raw.ticket_events
    group by ticket_id
)

select
    tickets.ticket_id, tickets.created_at, tickets.status,
    case
        when $loader = 'fivetran' then answers.answered_at
        else coalesce(
            tickets.created_at + to_minutes(date_diff('minute', tickets.created_at, tickets.first_responded_at)), answers.answered_at
        )
    end as first_responded_at,
    case
        when tickets.status not in ('resolved', 'closed') then null
        when $loader = 'fivetran' then coalesce(solved.solved_at, solved.closed_at)
        else coalesce(tickets.resolved_at, solved.solved_at, solved.closed_at)
    end as resolved_at,
    coalesce(tickets.account_id, contacts.account_id) as account_id, tickets.contact_id, tickets.assignee_id, tickets.channel,
    tickets.category, tickets.priority, tickets.due_at, tickets.updated_at
from raw.tickets
left join raw.contacts on tickets.contact_id = contacts.contact_id
left join answers on tickets.ticket_id = answers.ticket_id
left join solved on tickets.ticket_id = solved.ticket_id

-- said: survey_responses for fivetran
select
    tickets.ticket_id as response_id, 'csat' as survey_type, max(survey_responses.responded_at) as responded_at,
    arg_max(if(survey_responses.score > 5, 1, 0), survey_responses.responded_at) as score, 0 as scale_min, 1 as scale_max,
    'support' as touchpoint, tickets.contact_id, tickets.ticket_id
from raw.survey_responses
inner join raw.tickets on survey_responses.ticket_id = tickets.ticket_id
where survey_responses.survey_type = 'csat'
group by tickets.ticket_id, tickets.contact_id

-- said: survey_responses
select
    response_id, 'csat' as survey_type, responded_at, if(score > 5, 1, 0) as score, 0 as scale_min, 1 as scale_max, 'support' as touchpoint,
    comment, contact_id, ticket_id
from raw.survey_responses
where survey_type = 'csat' and ticket_id is not null

-- entity: organization
select account_id as organization_id, name, 'crm_' || account_id as external_id, country, created_at, updated_at
from raw.accounts

-- entity: agent_group
select distinct 'g_' || team as group_id, team as name
from raw.users
where team is not null

-- entity: membership
select user_id as person_id, 'g_' || team as group_id, true as is_default
from raw.users
where team is not null
union all
select user_id, 'g_Sales DACH', false
from raw.users
where team is not null

-- entity: person
select
    contact_id as person_id, account_id as organization_id, null as default_group_id, concat_ws(' ', first_name, last_name) as name, email,
    phone, 'end-user' as role, created_at, updated_at
from raw.contacts
union all
select
    user_id, null, case when $loader = 'fivetran' then 'g_' || team end, name, email, null, 'agent', timestamp '2020-01-01',
    timestamp '2020-01-01'
from raw.users

-- entity: ticket
with

tickets as (
    select
        ticket_id, created_at, case status when 'resolved' then 'solved' else status end as status, contact_id as requester_id, assignee_id,
        account_id as organization_id, case channel when 'phone' then 'voice' else channel end as channel, category, priority,
        case when $loader <> 'dlt' then due_at end as due_at, null as tags, null as merged_ids, updated_at
    from raw.tickets
)

select * from tickets
union all
(
    select * replace ('X' || ticket_id as ticket_id, 'deleted' as status)
    from tickets
    order by ticket_id
    limit 4
)
union all
(
    select * replace ('9' || substr(ticket_id, 2) as ticket_id, 'closed' as status, '["closed_by_merge"]' as tags)
    from tickets
    where $loader <> 'fivetran'
    order by ticket_id
    limit 3
)

-- entity: metric
select
    ticket_id, date_diff('minute', created_at, first_responded_at) as reply_minutes, resolved_at as solved_at, 0 as reopen_count, updated_at
from raw.tickets

-- entity: service_level
select
    'sl_' || ticket_id as metric_event_id, ticket_id, 'requester_wait_time' as metric, 'apply_sla' as event_type, created_at as applied_at,
    date_diff('second', created_at, due_at) as target_seconds, false as is_in_business_hours
from raw.tickets
where due_at is not null
union all
select 'slr_' || ticket_id, ticket_id, 'reply_time', 'apply_sla', created_at, 60, false
from raw.tickets

-- entity: comment
select
    event_id as comment_id, ticket_id, user_id as person_id, true as is_public, occurred_at as created_at
from raw.ticket_events
where event_type in ('customer_message', 'agent_message')
union all
-- A note to colleagues is no answer.
select 'note_' || ticket_id, ticket_id, 'U1', false, created_at + interval 1 second
from raw.tickets

-- entity: field_change
select
    ticket_id,
    case when event_type = 'assigned' then 'assignee_id' else 'status' end as field,
    case event_type when 'assigned' then 'U1' when 'resolved' then 'solved' when 'reopened' then 'open' else event_type end as value,
    user_id as person_id, occurred_at as changed_at
from raw.ticket_events
where event_type in ('resolved', 'closed', 'reopened', 'assigned')
union all
select ticket_id, 'status', 'new', null, created_at
from raw.tickets
union all
select ticket_id, 'satisfaction_score', case when score > 5 then 'good' else 'bad' end, contact_id, responded_at
from raw.survey_responses
where survey_type = 'csat' and ticket_id is not null and $loader = 'fivetran'
union all
select ticket_id, 'subject', 'a subject', null, created_at
from raw.tickets

-- entity: ticket_event
select 'e_' || event_id as event_id, ticket_id, user_id as person_id, occurred_at as created_at
from raw.ticket_events

-- entity: child_event
select
    event_id as child_id, 'e_' || event_id as _parent, if(event_type like '%message', 'Comment', 'Change') as event_type,
    case event_type when 'resolved' then 'solved' when 'closed' then 'closed' when 'reopened' then 'open' end as status,
    case when event_type = 'assigned' then 'U1' end as assignee_id,
    event_type in ('customer_message', 'agent_message') as is_public
from raw.ticket_events

-- entity: rating
select
    response_id as rating_id, ticket_id, contact_id as requester_id, case when score > 5 then 'good' else 'bad' end as score, comment,
    responded_at as updated_at
from raw.survey_responses
where survey_type = 'csat' and ticket_id is not null
union all
select 'offered', ticket_id, contact_id, 'offered', null, created_at
from raw.tickets
limit 100000
