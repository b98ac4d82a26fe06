-- The company as Salesforce's records. The first three letters of an id say what it is of. A close date, a conversion and a deadline are
-- days; a campaign has one total; an order knows no payment.

-- said: accounts
select
    '001' || account_id as account_id, name, industry, employee_count, annual_revenue, country, region, city, '005' || owner_id as owner_id,
    created_at, updated_at
from raw.accounts

-- said: contacts
select
    '003' || contact_id as contact_id, '001' || account_id as account_id, first_name, last_name, email, phone, job_title, created_at,
    updated_at
from raw.contacts

-- said: users
select '005' || user_id as user_id, name, email, team, department, '005' || manager_id as manager_id
from raw.users

-- said: campaigns
select '701' || campaign_id as campaign_id, name, channel, started_on, ended_on, budget, currency
from raw.campaigns

-- said: campaign_days
select '701' || campaigns.campaign_id as campaign_id, campaigns.started_on as day, sum(campaign_days.cost) as cost, campaigns.currency
from raw.campaign_days
inner join raw.campaigns on campaign_days.campaign_id = campaigns.campaign_id
group by all

-- said: deals
with

first_leads as (
    select deal_id, arg_min(lead_id, (created_at, lead_id)) as lead_id
    from raw.leads
    where deal_id is not null
    group by deal_id
),

deals as (
    select *, cast(cast(closed_at as date) as timestamp) + interval 12 hours as closed_noon
    from raw.deals
)

select
    '006' || deals.deal_id as deal_id, deals.created_at, deals.status,
    case
        when cast(deals.created_at as date) = cast(deals.closed_at as date) then greatest(deals.created_at, deals.closed_noon)
        else deals.closed_noon
    end as closed_at,
    case when deals.status = 'open' then deals.expected_close_on end as expected_close_on,
    case deals.status when 'won' then 'Closed Won' when 'lost' then 'Closed Lost' else deals.stage end as stage,
    deals.pipeline, deals.deal_type, '01t' || deals.product_id as product_id, deals.source, '701' || deals.campaign_id as campaign_id,
    '001' || deals.account_id as account_id, '00Q' || first_leads.lead_id as lead_id, '005' || deals.owner_id as owner_id, deals.amount,
    deals.currency, deals.lost_reason, deals.updated_at
from deals
left join first_leads on deals.deal_id = first_leads.deal_id

-- said: leads
with

leads as (
    select
        *, cast(cast(qualified_at as date) as timestamp) + interval 12 hours as qualified_noon,
        status in ('qualified', 'converted') as is_converted
    from raw.leads
)

select
    '00Q' || leads.lead_id as lead_id, leads.created_at, leads.source, '701' || leads.campaign_id as campaign_id,
    case
        when leads.is_converted then case when deals.status = 'won' then 'converted' else 'qualified' end
        else leads.status
    end as status,
    leads.email, leads.company_name, leads.industry, leads.employee_count, leads.country, '005' || leads.owner_id as owner_id,
    case
        when not leads.is_converted then null
        when cast(leads.created_at as date) = cast(leads.qualified_at as date) then greatest(leads.created_at, leads.qualified_noon)
        else leads.qualified_noon
    end as qualified_at,
    case when deals.status = 'won' and deals.closed_at >= leads.created_at then deals.closed_at end as converted_at,
    case when leads.status = 'disqualified' and $loader <> 'dlt' then leads.disqualified_at end as disqualified_at,
    '001' || leads.account_id as account_id, '006' || leads.deal_id as deal_id, leads.updated_at
from leads
left join said.deals on '006' || leads.deal_id = deals.deal_id

-- said: deal_stages for dlt
select '006' || deals.deal_id as deal_id, deals.stage, max(deal_stages.entered_at) as entered_at
from raw.deal_stages
inner join raw.deals on deal_stages.deal_id = deals.deal_id
-- That of a closed one is its outcome, set before the close date.
where deals.status = 'open'
group by all

-- said: deal_stages
with

entries as (
    select *, lag(stage) over (partition by deal_id order by entered_at) as previous_stage
    from raw.deal_stages
)

select '006' || deal_id as deal_id, stage, entered_at
from entries
where stage is distinct from previous_stage

-- said: products
select '01t' || product_id as product_id, name, category
from raw.products

-- said: orders
select
    '801' || order_id as order_id, '001' || account_id as account_id, ordered_at, case when status = 'cancelled' then status end as status,
    amount, currency, '006' || deal_id as deal_id
from raw.orders

-- said: order_items
select '801' || order_id as order_id, line_number, '01t' || product_id as product_id, quantity, amount
from raw.order_items

-- said: tickets
with

answers as (
    select ticket_id, min(occurred_at) as answered_at
    from raw.ticket_events
    where event_type = 'agent_message'
    group by ticket_id
)

select
    '500' || tickets.ticket_id as ticket_id, tickets.created_at,
    case when tickets.status = 'resolved' then 'closed' else tickets.status end as status,
    answers.answered_at as first_responded_at,
    case when tickets.status in ('resolved', 'closed') then tickets.resolved_at end as resolved_at,
    '001' || tickets.account_id as account_id, '003' || tickets.contact_id as contact_id, '005' || tickets.assignee_id as assignee_id,
    '01t' || tickets.product_id as product_id, tickets.channel, tickets.category, tickets.priority, tickets.updated_at
from raw.tickets
left join answers on tickets.ticket_id = answers.ticket_id

-- said: ticket_events
select
    event_id, '500' || ticket_id as ticket_id, event_type, occurred_at,
    case when event_type <> 'customer_message' then '005' || user_id end as user_id
from raw.ticket_events
where event_type in ('customer_message', 'agent_message', 'assigned', 'resolved', 'reopened')

-- said: activities
select
    activity_id, activity_type,
    case
        when activity_type <> 'task' then occurred_at
        else coalesce(completed_at, cast(cast(due_at as date) as timestamp) + interval 12 hours, occurred_at)
    end as occurred_at,
    case when activity_type <> 'meeting' then direction end as direction,
    '005' || user_id as user_id, '001' || account_id as account_id, '003' || contact_id as contact_id,
    case when contact_id is null then '00Q' || lead_id end as lead_id, '006' || deal_id as deal_id,
    case when deal_id is null then '500' || ticket_id end as ticket_id, duration_minutes,
    case when activity_type = 'task' then cast(cast(due_at as date) as timestamp) + interval '23 hours 59 minutes 59 seconds' end as due_at,
    case when activity_type = 'task' then completed_at end as completed_at
from raw.activities

-- said: exchange_rates
select currency, valid_from, rate
from raw.exchange_rates

-- entity: user_role
select distinct '00E' || team as role_id, team as name
from raw.users
where team is not null

-- entity: crm_user
select
    '005' || user_id as user_id, name, email, '00E' || team as role_id,
    case department when 'sales' then 'Inside Sales' when 'service' then 'Customer Support' when 'other' then 'Back office'
        else department end as department,
    '005' || manager_id as manager_id, 'Standard' as user_type, timestamp '2020-01-01' as updated_at
from raw.users
union all
select '005GUEST', 'Site guest', null, null, null, null, 'Guest', timestamp '2020-01-01'

-- entity: account
select *, null as master_id, false as _is_deleted
from said.accounts
union all
(
    select * replace ('001M' || account_id as account_id), account_id, true
    from said.accounts
    order by account_id
    limit 3
)

-- entity: contact
select *, null as master_id, false as _is_deleted
from said.contacts
union all
(
    select * replace ('003X' || contact_id as contact_id), null, true
    from said.contacts
    order by contact_id
    limit 3
)

-- entity: campaign
select campaigns.*, campaign_days.cost, timestamp '2020-01-01' as created_at, timestamp '2020-01-01' as updated_at, false as _is_deleted
from said.campaigns
left join said.campaign_days on campaigns.campaign_id = campaign_days.campaign_id

-- entity: campaign_member
select '00v' || lead_id as member_id, '701' || campaign_id as campaign_id, '00Q' || lead_id as lead_id, created_at, updated_at
from raw.leads
where campaign_id is not null
union all
-- The first campaign counts.
select '00w' || lead_id, '701K1', '00Q' || lead_id, created_at + interval 1 day, updated_at
from raw.leads
where campaign_id is not null

-- entity: lead
with

leads as (
    select
        '00Q' || lead_id as lead_id, created_at, source,
        case
            when status = 'disqualified' then 'Unqualified'
            when status = 'working' then 'Working - Contacted'
            when status = 'new' then 'Open - Not Contacted'
            else 'Closed - Converted'
        end as status,
        status in ('qualified', 'converted') as is_converted, email, company_name, industry, employee_count, country,
        '005' || owner_id as owner_id, cast(qualified_at as date) as converted_on, '001' || account_id as account_id,
        '006' || deal_id as opportunity_id, updated_at
    from raw.leads
)

select *, false as _is_deleted from leads
union all
(
    select * replace ('00QX' || lead_id as lead_id), true
    from leads
    order by lead_id
    limit 5
)

-- entity: lead_change for fivetran, airbyte
select '00Q' || lead_id as lead_id, 'Status' as field, 'Unqualified' as value, disqualified_at as changed_at
from raw.leads
where disqualified_at is not null

-- entity: record_type
select distinct '012' || pipeline as record_type_id, pipeline as name
from raw.deals
where pipeline is not null

-- entity: opportunity
with

last_entries as (
    select deal_id, max(entered_at) as entered_at
    from raw.deal_stages
    group by deal_id
),

deals as (
    select
        '006' || deals.deal_id as opportunity_id, deals.created_at,
        cast(case when deals.status = 'open' then deals.expected_close_on else cast(deals.closed_at as date) end as date) as close_on,
        deals.status = 'won' as is_won, deals.status <> 'open' as is_closed,
        case deals.status when 'won' then 'Closed Won' when 'lost' then 'Closed Lost' else deals.stage end as stage,
        '012' || deals.pipeline as record_type_id,
        case deals.deal_type when 'new' then 'New Business' when 'upsell' then 'Existing Business' when 'renewal' then 'Renewal'
            else deals.deal_type end as deal_type,
        deals.source, '701' || deals.campaign_id as campaign_id, '001' || deals.account_id as account_id,
        '005' || deals.owner_id as owner_id, deals.amount, deals.currency, deals.lost_reason,
        last_entries.entered_at as stage_changed_at, deals.updated_at
    from raw.deals
    left join last_entries on deals.deal_id = last_entries.deal_id
)

select *, false as _is_deleted from deals
union all
-- dlt adds a row at each change.
select * replace (false as is_won, false as is_closed, updated_at - interval 1 day as updated_at), false
from deals
where is_won and $loader = 'dlt'
union all
(
    select * replace ('006X' || opportunity_id as opportunity_id), true
    from deals
    order by opportunity_id
    limit 7
)

-- entity: opportunity_line
select '00k' || deal_id as line_id, '006' || deal_id as opportunity_id, '01t' || product_id as product_id, 10 as amount, updated_at
from raw.deals
where product_id is not null
union all
-- The product of the largest line counts.
select '00l' || deal_id, '006' || deal_id, '01tSMALL', 5, updated_at
from raw.deals
where product_id is not null

-- entity: opportunity_change for fivetran, airbyte
select '006' || deal_id as opportunity_id, stage, entered_at as changed_at
from raw.deal_stages
union all
-- A change of the amount writes a row, too.
select '006' || deal_id, stage, entered_at + interval 1 millisecond
from raw.deal_stages
union all
-- Who wins an opportunity sets its stage, some days before the close date at times.
select
    '006' || deals.deal_id, if(deals.status = 'won', 'Closed Won', 'Closed Lost'),
    greatest(max(deal_stages.entered_at) + interval 1 second, deals.closed_at - interval 3 day)
from raw.deal_stages
inner join raw.deals on deal_stages.deal_id = deals.deal_id
where deals.status <> 'open'
group by deals.deal_id, deals.status, deals.closed_at

-- entity: product
select '01t' || product_id as product_id, name, category, timestamp '2020-01-01' as updated_at
from raw.products

-- entity: sales_order for fivetran, airbyte
select
    order_id, account_id, ordered_at as activated_at, cast(ordered_at as date) as effective_on,
    case when status = 'cancelled' then 'Cancelled' else 'Activated' end as status, amount, currency, deal_id as opportunity_id,
    ordered_at as updated_at
from said.orders
union all
(
    select '801D' || order_id, account_id, null, cast(ordered_at as date), 'Draft', amount, currency, deal_id, ordered_at
    from said.orders
    order by order_id
    limit 3
)

-- entity: order_item for fivetran, airbyte
select
    '802' || order_id || '/' || lpad(cast(line_number as varchar), 4, '0') as item_id, '801' || order_id as order_id,
    '01t' || product_id as product_id, quantity, amount, timestamp '2020-01-01' as updated_at
from raw.order_items

-- entity: support_case for fivetran, airbyte
select
    '500' || ticket_id as case_id, created_at,
    case status when 'pending' then 'On Hold' when 'open' then 'New' else 'Closed' end as status,
    status in ('resolved', 'closed') as is_closed, resolved_at as closed_at, '001' || account_id as account_id,
    '003' || contact_id as contact_id, '005' || assignee_id as owner_id, '01t' || product_id as product_id, channel, category, priority,
    updated_at, null as master_id,
    false as _is_deleted
from raw.tickets
union all
(
    select
        '500M' || ticket_id, created_at, 'Closed', true, resolved_at, null, null, '00GQUEUE', null, channel, category, priority, updated_at,
        '500' || ticket_id, true
    from raw.tickets
    order by ticket_id
    limit 4
)

-- entity: case_change for fivetran, airbyte
select
    event_id as change_id, '500' || ticket_id as case_id, case when event_type = 'assigned' then 'Owner' else 'Status' end as field,
    case event_type when 'resolved' then 'New' when 'reopened' then 'Closed' end as old_value,
    case event_type when 'resolved' then 'Closed' when 'reopened' then 'New' else '005U1' end as new_value,
    '005' || user_id as user_id, occurred_at as changed_at
from raw.ticket_events
where event_type in ('assigned', 'resolved', 'reopened')

-- entity: email_message for fivetran, airbyte
select
    event_id as message_id, '500' || ticket_id as case_id, event_type = 'customer_message' as is_incoming, '005' || user_id as user_id,
    occurred_at as sent_at
from raw.ticket_events
where event_type in ('customer_message', 'agent_message')

-- entity: task
select
    activity_id as task_id, case activity_type when 'email' then 'Email' when 'call' then 'Call' when 'task' then 'Task'
        else activity_type end as subtype,
    case when activity_type = 'task' then completed_at else occurred_at end as completed_at,
    case when activity_type = 'task' then cast(due_at as date) end as due_on,
    activity_type = 'task' and completed_at is not null as is_closed,
    upper(direction[1]) || direction[2:] as direction, '005' || user_id as owner_id, '001' || account_id as account_id,
    coalesce('003' || contact_id, '00Q' || lead_id) as who_id, coalesce('006' || deal_id, '500' || ticket_id) as what_id,
    cast(duration_minutes * 60 as bigint) as call_seconds, false as is_recurrence, occurred_at as created_at, occurred_at as updated_at
from raw.activities
where activity_type <> 'meeting'
union all
select
    'SERIES', 'Task', null, date '2024-01-01', false, null, null, null, null, null, null, true, timestamp '2024-01-01',
    timestamp '2024-01-01'

-- entity: event
select
    activity_id as event_id, occurred_at as started_at, '005' || user_id as owner_id, '001' || account_id as account_id,
    coalesce('003' || contact_id, '00Q' || lead_id) as who_id, coalesce('006' || deal_id, '500' || ticket_id) as what_id,
    cast(duration_minutes as bigint) as minutes, false as is_child, false as is_recurrence, occurred_at as updated_at
from raw.activities
where activity_type = 'meeting'
union all
select 'COPY', timestamp '2024-01-01', null, null, null, null, 30, true, false, timestamp '2024-01-01'

-- entity: conversion_rate for fivetran, airbyte
select currency, valid_from, cast(1 / cast(rate as double) as varchar) as rate
from raw.exchange_rates
