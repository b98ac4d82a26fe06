with

-- One company and one contact of each ticket, the lowest ids.
ticket_accounts as (
    select
        ticket_id,
        arg_min(company_id, (try_cast(company_id as bigint), company_id)) as company_id
    from ticket_company
    group by ticket_id
),

ticket_contacts as (
    select
        ticket_id,
        arg_min(contact_id, (try_cast(contact_id as bigint), contact_id)) as contact_id
    from ticket_contact
    group by ticket_id
)

select
    ticket_states.ticket_id,
    ticket_states.created_at,
    case when ticket_states.is_closed then 'closed' else 'open' end as status,
    ticket_states.first_reply_at as first_responded_at,
    -- A ticket that was opened again may keep the day of its last close.
    case when ticket_states.is_closed then ticket_states.closed_at end as resolved_at,
    ticket_accounts.company_id as account_id,
    ticket_contacts.contact_id,
    ticket_states.owner_id as assignee_id,
    lower(ticket_states.channel) as channel,
    ticket_states.category,
    ticket_states.priority,
    ticket_states.updated_at
from ticket_states
left join ticket_accounts on ticket_states.ticket_id = ticket_accounts.ticket_id
left join ticket_contacts on ticket_states.ticket_id = ticket_contacts.ticket_id
