-- The company as HubSpot's records. Leads are contacts there, a ticket is open or closed, an owner has no department.

-- said: accounts
select *
from raw.accounts

-- said: users
select user_id, name, email, team from raw.users

-- said: contacts
select contact_id, account_id, first_name, last_name, email, phone, job_title, created_at, updated_at
from raw.contacts
union all
select lead_id, account_id, null, null, email, null, null, created_at, updated_at
from raw.leads

-- said: campaigns
select campaign_id, name, 'email' as channel
from raw.campaigns

-- said: products
select product_id, name, unit_cost
from raw.products

-- said: deals
select
    deal_id, created_at, status, closed_at, case when status = 'open' then expected_close_on end as expected_close_on, stage, pipeline,
    deal_type, source, account_id, lead_id, owner_id, amount, currency, lost_reason, updated_at
from raw.deals

-- said: deal_stages
select deal_id, stage, entered_at
from raw.deal_stages

-- said: leads
with

lead_deals as (
    select
        deals.lead_id,
        arg_min(deals.deal_id, (deals.created_at, deals.deal_id)) as deal_id,
        min(deals.closed_at) filter (where deals.status = 'won' and deals.closed_at >= leads.created_at) as won_at
    from raw.deals
    inner join raw.leads on deals.lead_id = leads.lead_id
    group by deals.lead_id
)

select
    leads.lead_id, leads.created_at, leads.first_touch_at, leads.source,
    case leads.status when 'working' then 'new' else leads.status end as status,
    leads.score, leads.email, coalesce(leads.company_name, accounts.name) as company_name,
    coalesce(leads.industry, accounts.industry) as industry, accounts.employee_count,
    coalesce(leads.country, accounts.country) as country, leads.owner_id, leads.qualified_at,
    coalesce(leads.converted_at, lead_deals.won_at) as converted_at,
    case when leads.status = 'disqualified' then leads.disqualified_at end as disqualified_at,
    leads.account_id, lead_deals.deal_id, leads.updated_at
from raw.leads
left join raw.accounts on leads.account_id = accounts.account_id
left join lead_deals on leads.lead_id = lead_deals.lead_id

-- said: tickets
select
    ticket_id, created_at, case when status in ('resolved', 'closed') then 'closed' else 'open' end as status, first_responded_at,
    case when status in ('resolved', 'closed') then resolved_at end as resolved_at, account_id, contact_id, assignee_id, channel,
    category, priority, updated_at
from raw.tickets

-- said: ticket_events for fivetran
with

changes as (
    select
        ticket_id,
        occurred_at,
        event_type <> 'reopened' as is_closed,
        coalesce(lag(event_type <> 'reopened') over (partition by ticket_id order by occurred_at), false) as was_closed
    from raw.ticket_events
    where event_type in ('resolved', 'closed', 'reopened')
)

select ticket_id, case when is_closed then 'resolved' else 'reopened' end as event_type, occurred_at
from changes
where is_closed <> was_closed
union all
select ticket_id, event_type, occurred_at
from raw.ticket_events
where event_type = 'assigned'
union all
-- E-mails of a ticket are its messages, too.
select ticket_id, case direction when 'inbound' then 'customer_message' else 'agent_message' end, occurred_at
from raw.activities
where activity_type = 'email' and ticket_id is not null and direction in ('inbound', 'outbound')

-- said: ticket_events for airbyte
select ticket_id, case direction when 'inbound' then 'customer_message' else 'agent_message' end as event_type, occurred_at
from raw.activities
where activity_type = 'email' and ticket_id is not null and direction in ('inbound', 'outbound')

-- said: ticket_events
with

changes as (
    select
        ticket_id,
        occurred_at,
        event_type <> 'reopened' as is_closed,
        coalesce(lag(event_type <> 'reopened') over (partition by ticket_id order by occurred_at), false) as was_closed
    from raw.ticket_events
    where event_type in ('resolved', 'closed', 'reopened')
)

select ticket_id, case when is_closed then 'resolved' else 'reopened' end as event_type, occurred_at
from changes
where is_closed <> was_closed
union all
select ticket_id, event_type, occurred_at
from raw.ticket_events
where event_type = 'assigned'

-- said: email_events
with

sent as (
    select email_id, min(event_id) as event_id
    from raw.email_events
    where event_type = 'sent'
    group by email_id
),

addresses as (
    select lower(email) as address
    from said.contacts
    group by 1
    having count(*) = 1
)

select
    email_events.event_id, sent.event_id as email_id, email_events.campaign_id,
    case when addresses.address is not null then email_events.contact_id end as contact_id, email_events.event_type,
    email_events.occurred_at
from raw.email_events
inner join sent on email_events.email_id = sent.email_id
left join said.contacts on email_events.contact_id = contacts.contact_id
left join addresses on lower(contacts.email) = addresses.address
where email_events.event_type <> 'complained' and (email_events.event_type <> 'sent' or email_events.event_id = sent.event_id)

-- said: activities for airbyte
select
    activity_id,
    activity_type,
    case when activity_type = 'task' then coalesce(completed_at, occurred_at) else occurred_at end as occurred_at,
    case when activity_type in ('call', 'email') and direction in ('inbound', 'outbound') then direction end as direction,
    user_id, account_id, coalesce(contact_id, lead_id) as contact_id, deal_id, ticket_id,
    case when activity_type in ('call', 'meeting') then duration_minutes end as duration_minutes,
    is_automated,
    case when activity_type = 'task' then due_at end as due_at,
    case when activity_type = 'task' then completed_at end as completed_at
from raw.activities
where activity_type in ('call', 'email', 'meeting', 'note', 'task')

-- said: activities
select
    activity_id,
    activity_type,
    case when activity_type = 'task' then coalesce(completed_at, occurred_at) else occurred_at end as occurred_at,
    case when activity_type in ('call', 'email') and direction in ('inbound', 'outbound') then direction end as direction,
    user_id, account_id, coalesce(contact_id, lead_id) as contact_id, deal_id, ticket_id,
    case when activity_type in ('call', 'meeting') then duration_minutes end as duration_minutes,
    is_automated,
    case when activity_type = 'task' then due_at end as due_at,
    case when activity_type = 'task' then completed_at end as completed_at
from raw.activities

-- entity: owner
select
    user_id as owner_id, split_part(name, ' ', 1) as first_name,
    nullif(substr(name, length(split_part(name, ' ', 1)) + 2), '') as last_name, email
from raw.users

-- entity: team for fivetran
select distinct 't_' || team as team_id, team as name
from raw.users
where team is not null

-- entity: owner_team
select user_id as owner_id, 't_' || team as team_id, team as name, true as is_primary
from raw.users
where team is not null
union all
select user_id, 't_' || team, 'A second team', false
from raw.users
where team is not null

-- entity: company
select
    account_id as company_id, name, industry, employee_count, annual_revenue, country, region, city, owner_id, created_at, updated_at,
    case when row_number() over (order by account_id) <= 3 then 'M1_' || account_id || ';M2_' || account_id end as merged_ids,
    false as _is_deleted
from raw.accounts
union all
(
    select
        'M1_' || account_id, 'merged', industry, employee_count, annual_revenue, country, region, city, owner_id, created_at, updated_at,
        null, false
    from raw.accounts
    order by account_id
    limit 3
)

-- entity: contact
with

contacts as (
    select
        contact_id, account_id as company_id, first_name, last_name, email, phone, job_title, null as company_name, null as industry,
        null as country, null as owner_id, 'subscriber' as lifecycle_stage, null as lead_status, null as source, null as score,
        null as first_touch_at, null as qualified_at, null as customer_at, created_at, updated_at
    from raw.contacts
    union all
    select
        lead_id, account_id, null, null, email, null, null, company_name, industry, country, owner_id,
        case status when 'converted' then 'customer' when 'qualified' then 'salesqualifiedlead' else 'lead' end,
        case when status = 'disqualified' then 'UNQUALIFIED' else 'OPEN' end,
        source, score, first_touch_at, qualified_at, converted_at, created_at, updated_at
    from raw.leads
)

select *, false as _is_deleted from contacts
union all
(
    select * replace ('X' || contact_id as contact_id), true
    from contacts
    order by contact_id
    limit 5
)

-- entity: contact_change
select
    lead_id as contact_id, 'hs_lead_status' as property, 'UNQUALIFIED' as value, disqualified_at as changed_at
from raw.leads
where status = 'disqualified' and disqualified_at is not null

-- entity: pipeline
select distinct 'p_' || pipeline as pipeline_id, pipeline as label
from raw.deals
where pipeline is not null

-- entity: stage
select distinct
    'p_' || deals.pipeline as pipeline_id, 's_' || deal_stages.stage as stage_id, deal_stages.stage as label, false as is_closed,
    0.5 as probability
from raw.deal_stages
inner join raw.deals on deal_stages.deal_id = deals.deal_id
union
select distinct 'p_' || pipeline, 's_' || stage, stage, false, 0.5
from raw.deals
where stage is not null

-- entity: deal
with

deals as (
    select
        deal_id, created_at, coalesce(closed_at, cast(expected_close_on as timestamp)) as close_at,
        's_' || stage as stage_id, 'p_' || pipeline as pipeline_id,
        status = 'won' as is_won, status <> 'open' as is_closed,
        case deal_type when 'new' then 'newbusiness' when 'upsell' then 'existingbusiness' else deal_type end as deal_type, source,
        owner_id, amount, currency, lost_reason, updated_at
    from raw.deals
)

select *, false as _is_deleted from deals
union all
(
    select * replace ('X' || deal_id as deal_id), true
    from deals
    order by deal_id
    limit 7
)

-- entity: deal_company
select deal_id, account_id as company_id, 5 as type_id
from raw.deals
where account_id is not null

-- entity: deal_contact
select deal_id, lead_id as contact_id
from raw.deals
where lead_id is not null

-- entity: deal_change for dlt, airbyte
select deal_id, 'dealstage' as property, 's_' || stage as value, entered_at as changed_at
from raw.deal_stages
union all
select deal_id, 'amount', cast(amount as varchar), created_at
from raw.deals

-- entity: stage_entry for fivetran
select deal_id, 's_' || stage as stage_id, entered_at
from raw.deal_stages

-- entity: ticket_pipeline
select '0' as pipeline_id, 'Support' as label

-- entity: ticket_stage
select '0' as pipeline_id, '1' as stage_id, 'New' as label, false as is_closed, 'OPEN' as state
union all
select '0', '4', 'Closed', true, 'CLOSED'

-- entity: ticket
with

tickets as (
    select
        ticket_id, created_at, resolved_at as closed_at, first_responded_at as first_reply_at, '0' as pipeline_id,
        case when status in ('resolved', 'closed') then '4' else '1' end as stage_id, assignee_id as owner_id, upper(channel) as channel,
        category, priority, updated_at
    from raw.tickets
)

select *, false as _is_deleted from tickets
union all
(
    select * replace ('X' || ticket_id as ticket_id), true
    from tickets
    order by ticket_id
    limit 4
)

-- entity: ticket_company
select ticket_id, account_id as company_id
from raw.tickets
where account_id is not null

-- entity: ticket_contact
select ticket_id, contact_id
from raw.tickets
where contact_id is not null

-- entity: ticket_change
select ticket_id, 'hs_pipeline_stage' as property, '1' as value, created_at as changed_at
from raw.tickets
union all
select ticket_id, 'hs_pipeline_stage', case when event_type = 'reopened' then '1' else '4' end, occurred_at
from raw.ticket_events
where event_type in ('resolved', 'closed', 'reopened')
union all
select ticket_id, 'hubspot_owner_id', 'U1', occurred_at
from raw.ticket_events
where event_type = 'assigned'

-- entity: product
select product_id, name, unit_cost
from raw.products

-- entity: email_campaign
select campaign_id, name
from raw.campaigns

-- entity: email_status_change
select event_id, 'UNSUBSCRIBED' as subscription_status
from said.email_events
where event_type = 'unsubscribed'

-- entity: email_event
select
    email_events.event_id, email_events.campaign_id, email_events.email_id as sent_by_id,
    case email_events.event_type
        when 'sent' then 'SENT'
        when 'delivered' then 'DELIVERED'
        when 'opened' then 'OPEN'
        when 'clicked' then 'CLICK'
        when 'replied' then 'REPLY'
        when 'bounced' then 'BOUNCE'
        when 'unsubscribed' then 'STATUSCHANGE'
    end as event_type,
    contacts.email as recipient, email_events.occurred_at, false as is_filtered,
    case when email_events.event_type = 'unsubscribed' then 'UNSUBSCRIBED' end as subscription_status
from said.email_events
left join said.contacts on email_events.contact_id = contacts.contact_id
union all
(
    select event_id || 'f', campaign_id, email_id, 'OPEN', null, occurred_at, true, null
    from said.email_events
    limit 3
)

-- entity: engagement for fivetran
select
    activity_id as engagement_id,
    case when activity_type in ('call', 'email', 'meeting', 'note', 'task') then 'engagement_' || activity_type
        else 'engagement_communication' end as landed_table,
    case when activity_type = 'task' then due_at else occurred_at end as occurred_at,
    occurred_at as created_at,
    user_id as owner_id,
    case
        when activity_type = 'call' then upper(direction)
        when activity_type = 'email' then case direction when 'inbound' then 'INCOMING_EMAIL' when 'outbound' then 'EMAIL' end
    end as direction,
    case when activity_type not in ('call', 'email', 'meeting', 'note', 'task') then upper(activity_type) end as channel,
    case when activity_type = 'call' then cast(duration_minutes * 60000 as bigint) end as call_milliseconds,
    case when activity_type = 'meeting' then occurred_at end as started_at,
    case when activity_type = 'meeting' then occurred_at + to_minutes(cast(duration_minutes as bigint)) end as ended_at,
    case when is_automated then 'WORKFLOWS' when not is_automated then 'CRM_UI' end as object_source,
    case when activity_type = 'task' and completed_at is not null then 'COMPLETED' end as task_status,
    case when activity_type = 'task' then completed_at end as task_completed_at
from raw.activities

-- entity: engagement for airbyte
select
    activity_id as engagement_id,
    'engagements_' || activity_type || 's' as landed_table,
    case when activity_type = 'task' then due_at else occurred_at end as occurred_at,
    occurred_at as created_at,
    user_id as owner_id,
    case
        when activity_type = 'call' then upper(direction)
        when activity_type = 'email' then case direction when 'inbound' then 'INCOMING_EMAIL' when 'outbound' then 'EMAIL' end
    end as direction,
    case when activity_type = 'call' then cast(duration_minutes * 60000 as bigint) end as call_milliseconds,
    case when activity_type = 'meeting' then occurred_at end as started_at,
    case when activity_type = 'meeting' then occurred_at + to_minutes(cast(duration_minutes as bigint)) end as ended_at,
    case when is_automated then 'WORKFLOWS' when not is_automated then 'CRM_UI' end as object_source,
    case when activity_type = 'task' and completed_at is not null then 'COMPLETED' end as task_status,
    case when activity_type = 'task' then completed_at end as task_completed_at
from raw.activities
where activity_type in ('call', 'email', 'meeting', 'note', 'task')

-- entity: engagement_company
select activity_id as engagement_id, account_id as company_id
from raw.activities
where account_id is not null

-- entity: engagement_contact
select activity_id as engagement_id, coalesce(contact_id, lead_id) as contact_id
from raw.activities
where coalesce(contact_id, lead_id) is not null

-- entity: engagement_deal
select activity_id as engagement_id, deal_id
from raw.activities
where deal_id is not null

-- entity: engagement_ticket
select activity_id as engagement_id, ticket_id
from raw.activities
where ticket_id is not null
