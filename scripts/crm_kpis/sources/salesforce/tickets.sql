with

answers as (
    select
        case_id,
        min(sent_at) as answered_at
    from email_message
    where not is_incoming
    group by case_id
),

cases as (
    select * replace (coalesce(is_closed, closed_at is not null) as is_closed)
    from support_case
)

select
    cases.case_id as ticket_id,
    cases.created_at,
    case
        when cases.is_closed then 'closed'
        when lower(cases.status) = 'on hold' or lower(cases.status) like 'waiting%' then 'pending'
        else 'open'
    end as status,
    answers.answered_at as first_responded_at,
    case when cases.is_closed then cases.closed_at end as resolved_at,
    cases.account_id,
    cases.contact_id,
    case when cases.owner_id not like '00G%' then cases.owner_id end as assignee_id,
    cases.product_id,
    lower(cases.channel) as channel,
    cases.category,
    cases.priority,
    cases.updated_at
from cases
left join answers on cases.case_id = answers.case_id
