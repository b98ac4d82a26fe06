-- An order whose status is another word is not cancelled, so it counts as revenue, and not paid, so it makes nobody a customer. It warns,
-- since the word may be a new one of the shop.
{{ config(severity='warn', meta={
    'label': {
        'en': 'Orders with a word for a status that means nothing here: revenue, but nobody becomes a customer',
        'de': 'Bestellungen mit einem Status, der hier nichts bedeutet: Umsatz, aber niemand wird dadurch Kunde',
    },
    'shows': "status || ' in ' || order_count || ' orders: write its meaning into value_words.csv, as orders,status,' || status || ',paid'",
}) }}

select
    status,
    count(*) as order_count
from {{ ref('stg_orders') }}
where status not in ('paid', 'open', 'cancelled', 'refunded')
group by status
order by order_count desc, status asc
