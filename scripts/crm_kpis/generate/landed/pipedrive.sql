-- The company as Pipedrive's records. Its users sell; what is not won, lost or open there does not exist.

-- said: accounts
select *
from raw.accounts

-- said: contacts
select *
from raw.contacts

-- said: users for dlt_v2
select null as user_id where false

-- said: users
select user_id, name, email, 'sales' as department
from raw.users

-- said: leads for dlt_v2
select null as lead_id where false

-- said: leads
select
    lead_id, created_at, source, case when status = 'disqualified' then 'disqualified' else 'new' end as status, owner_id, account_id,
    updated_at
from raw.leads

-- said: deals
select
    deal_id, created_at, status, closed_at, expected_close_on, stage, pipeline,
    case when $loader <> 'dlt' then product_id end as product_id, source, account_id, owner_id, nullif(amount, 0) as amount, currency, lost_reason, updated_at
from raw.deals

-- said: deal_stages for dlt_v2, fivetran
select deals.deal_id, deals.stage, coalesce(max(deal_stages.entered_at), deals.created_at) as entered_at
from raw.deals
left join raw.deal_stages on deals.deal_id = deal_stages.deal_id
group by deals.deal_id, deals.stage, deals.created_at

-- said: deal_stages
with

entries as (
    select
        deal_id, stage, entered_at, row_number() over (partition by deal_id order by entered_at) as entry_number,
        count(*) over (partition by deal_id) as entries
    from raw.deal_stages
)

select deal_id, stage, entered_at
from entries
where entry_number > 1
union all
select entries.deal_id, entries.stage, deals.created_at
from entries
inner join raw.deals on entries.deal_id = deals.deal_id
where entries.entry_number = 1 and entries.entries > 1
union all
select deal_id, stage, created_at
from raw.deals
where deal_id not in (select deal_id from entries where entry_number = 2)

-- said: products
select
    product_id, name, category, case when $loader = 'dlt' then unit_cost end as unit_cost,
    case when $loader = 'dlt' then currency end as currency
from raw.products

-- said: activities
select
    activity_id, activity_type,
    case
        when activity_type = 'task' then coalesce(completed_at, date_trunc('minute', due_at), occurred_at)
        else occurred_at
    end as occurred_at,
    user_id, account_id, contact_id, lead_id, deal_id, duration_minutes,
    case when activity_type = 'task' then date_trunc('minute', due_at) end as due_at,
    case when activity_type = 'task' then completed_at end as completed_at
from raw.activities

-- entity: crm_user
select user_id, name, email
from raw.users

-- entity: organization
select
    account_id as organization_id, name, industry, employee_count, annual_revenue, country, region, city, owner_id, true as is_active,
    created_at, updated_at, false as _is_deleted
from raw.accounts
union all
(
    select
        'X' || account_id, name, industry, employee_count, annual_revenue, country, region, city, owner_id, $loader <> 'dlt', created_at,
        updated_at, true
    from raw.accounts
    order by account_id
    limit 3
)

-- entity: person
select
    contact_id as person_id, account_id as organization_id, first_name, last_name, email, phone, job_title, true as is_active, created_at,
    updated_at, false as _is_deleted
from raw.contacts

-- entity: person_email
select contact_id as person_id, email as address, true as is_primary
from raw.contacts
where email is not null
union all
select contact_id, 'a.' || email, false
from raw.contacts
where email is not null

-- entity: person_phone
select contact_id as person_id, phone, true as is_primary
from raw.contacts
where phone is not null

-- entity: pipeline
select distinct 'p_' || pipeline as pipeline_id, pipeline as name
from raw.deals
where pipeline is not null

-- entity: stage
select distinct 's_' || stage as stage_id, stage as name
from raw.deals
where stage is not null
union
select distinct 's_' || stage, stage
from raw.deal_stages

-- entity: deal
with

last_entries as (
    select deal_id, max(entered_at) as entered_at
    from raw.deal_stages
    group by deal_id
),

deals as (
    select
        deals.deal_id, deals.created_at, deals.status, case when deals.status = 'won' then deals.closed_at end as won_at,
        case when deals.status = 'lost' then deals.closed_at end as lost_at, deals.closed_at, deals.expected_close_on,
        's_' || deals.stage as stage_id, last_entries.entered_at as stage_changed_at, 'p_' || deals.pipeline as pipeline_id, deals.source,
        deals.account_id as organization_id, deals.owner_id, coalesce(deals.amount, 0) as amount, deals.currency, deals.lost_reason,
        deals.updated_at
    from raw.deals
    left join last_entries on deals.deal_id = last_entries.deal_id
)

select *, false as _is_deleted from deals
union all
(
    select * replace ('X' || deal_id as deal_id, 'deleted' as status), true
    from deals
    order by deal_id
    limit 7
)

-- entity: deal_product
select 'l1' || deal_id as line_id, deal_id, product_id, 10 as amount
from raw.deals
where product_id is not null
union all
select 'l2' || deal_id, deal_id, 'SMALL', 5
from raw.deals
where product_id is not null

-- entity: deal_change for dlt, airbyte
with

entries as (
    select
        deal_id, entered_at, 's_' || stage as new_value, stage as new_name,
        lag('s_' || stage) over (partition by deal_id order by entered_at) as old_value,
        lag(stage) over (partition by deal_id order by entered_at) as old_name
    from raw.deal_stages
)

select
    deal_id || '@' || strftime(entered_at, '%Y-%m-%dT%H:%M:%S') as change_id, deal_id, 'stage_id' as field, old_value, new_value, old_name,
    new_name, entered_at as changed_at
from entries
where old_value is not null
union all
select deal_id || '@status', deal_id, 'status', 'open', status, null, null, closed_at
from raw.deals
where closed_at is not null

-- entity: product
select product_id, name, category, true as is_active, timestamp '2020-01-01' as updated_at
from raw.products

-- entity: product_price
select product_id, unit_cost as cost, currency
from raw.products

-- entity: lead
select
    lead_id, created_at, source, status = 'disqualified' as is_archived, owner_id, account_id as organization_id, updated_at
from raw.leads

-- entity: activity
select
    activity_id, activity_type, activity_type = 'task' and completed_at is not null as is_done,
    case when activity_type = 'task' then completed_at else occurred_at end as done_at,
    case when activity_type = 'task' then cast(due_at as date) end as due_on,
    case when activity_type = 'task' then strftime(due_at, '%H:%M') end as due_time, occurred_at as created_at, user_id as owner_id,
    account_id as organization_id, contact_id as person_id, lead_id, deal_id,
    lpad(cast(cast(duration_minutes as bigint) // 60 as varchar), 2, '0') || ':'
    || lpad(cast(cast(duration_minutes as bigint) % 60 as varchar), 2, '0') as duration,
    true as is_active, occurred_at as updated_at
from raw.activities
