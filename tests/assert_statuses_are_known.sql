-- A word that the contract does not know changes what a row counts as. An order is neither cancelled nor paid: it counts as revenue, but
-- makes nobody a customer. A ticket without a day of resolution is in the backlog for ever, unless it is resolved or closed. It warns, as
-- the word may be a new one of the CRM.
{{ config(severity='warn', meta={
    'label': {
        'en': 'Statuses that mean nothing here: such orders are no purchases, such tickets stay in the backlog',
        'de': 'Status, die hier nichts bedeuten: solche Bestellungen sind keine Käufe, solche Tickets bleiben im Rückstand',
    },
    'shows': "status || ' in ' || row_count || ' rows of ' || raw_table || ': write its meaning into value_words.csv, as '"
        " || raw_table || ',status,' || status || ',' || such_as",
}) }}

with

orders as (
    select
        'orders' as raw_table,
        status,
        'paid' as such_as
    from {{ ref('stg_orders') }}
    where status not in ('paid', 'open', 'cancelled', 'refunded')
),

-- Words for a ticket that somebody still works on are as good as open.
tickets as (
    select
        'tickets' as raw_table,
        stg_tickets.status,
        'resolved' as such_as
    from {{ ref('stg_tickets') }} as stg_tickets
    -- Events may resolve what has no resolved_at.
    inner join {{ ref('fct_tickets') }} as fct_tickets on stg_tickets.ticket_id = fct_tickets.ticket_id
    where
        not stg_tickets.is_resolved
        and fct_tickets.open_until is null
        and stg_tickets.status not in (
            'open', 'pending', 'resolved', 'closed',
            'new', 'assigned', 'in progress', 'hold', 'on hold', 'waiting', 'reopened', 'escalated',
            'neu', 'offen', 'zugewiesen', 'in bearbeitung', 'wartend', 'wiedereröffnet'
        )
),

unknown_words as (
    select
        raw_table,
        status,
        such_as
    from orders
    union all
    select
        raw_table,
        status,
        such_as
    from tickets
)

select
    raw_table,
    status,
    such_as,
    count(*) as row_count
from unknown_words
group by raw_table, status, such_as
