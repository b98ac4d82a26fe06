with

accounts as (
    select
        engagement_id,
        arg_min(company_id, (try_cast(company_id as bigint), company_id)) as company_id
    from engagement_company
    group by engagement_id
),

contacts as (
    select
        engagement_id,
        arg_min(contact_id, (try_cast(contact_id as bigint), contact_id)) as contact_id
    from engagement_contact
    group by engagement_id
),

deals as (
    select
        engagement_id,
        arg_min(deal_id, (try_cast(deal_id as bigint), deal_id)) as deal_id
    from engagement_deal
    group by engagement_id
),

tickets as (
    select
        engagement_id,
        arg_min(ticket_id, (try_cast(ticket_id as bigint), ticket_id)) as ticket_id
    from engagement_ticket
    group by engagement_id
),

typed as (
    select
        *,
        case
            when landed_table like '%call%' then 'call'
            when landed_table like '%email%' then 'email'
            when landed_table like '%meeting%' then 'meeting'
            when landed_table like '%note%' then 'note'
            when landed_table like '%task%' then 'task'
            else coalesce(lower(channel), 'message')
        end as activity_type,
        upper(task_status) = 'COMPLETED' as is_completed
    from engagement
)

select
    typed.engagement_id as activity_id,
    typed.activity_type,
    -- The time of a task is its deadline.
    case
        when typed.activity_type = 'task' then coalesce(typed.task_completed_at, typed.created_at, typed.occurred_at)
        else coalesce(typed.occurred_at, typed.created_at)
    end as occurred_at,
    case
        when upper(typed.direction) in ('INBOUND', 'INCOMING_EMAIL') then 'inbound'
        when upper(typed.direction) in ('OUTBOUND', 'EMAIL', 'FORWARDED_EMAIL') then 'outbound'
    end as direction,
    typed.owner_id as user_id,
    accounts.company_id as account_id,
    contacts.contact_id,
    deals.deal_id,
    tickets.ticket_id,
    cast(
        coalesce(typed.call_milliseconds / 60000, date_diff('second', typed.started_at, typed.ended_at) / 60) as decimal(18, 4)
    ) as duration_minutes,
    upper(typed.object_source) in ('AUTOMATION_PLATFORM', 'WORKFLOWS', 'SEQUENCES') as is_automated,
    case when typed.activity_type = 'task' then typed.occurred_at end as due_at,
    case when typed.is_completed then typed.task_completed_at end as completed_at
from typed
left join accounts on typed.engagement_id = accounts.engagement_id
left join contacts on typed.engagement_id = contacts.engagement_id
left join deals on typed.engagement_id = deals.engagement_id
left join tickets on typed.engagement_id = tickets.engagement_id
