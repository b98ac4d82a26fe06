with

answers as (
    select
        case_id,
        min(sent_at) as answered_at
    from email_message
    where not is_incoming
    group by case_id
)

select
    support_case.case_id as ticket_id,
    support_case.created_at,
    case
        when support_case.is_closed then 'closed'
        when lower(support_case.status) = 'on hold' or lower(support_case.status) like 'waiting%' then 'pending'
        else 'open'
    end as status,
    answers.answered_at as first_responded_at,
    case when support_case.is_closed then support_case.closed_at end as resolved_at,
    support_case.account_id,
    support_case.contact_id,
    case when support_case.owner_id not like '00G%' then support_case.owner_id end as assignee_id,
    lower(support_case.channel) as channel,
    support_case.category,
    support_case.priority,
    support_case.updated_at
from support_case
left join answers on support_case.case_id = answers.case_id
