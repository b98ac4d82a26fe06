with

orders as (
    select * from {{ ref('fct_orders') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

-- A deal that an order names is bought by that order.
ordered_deals as (
    select distinct deal_id
    from orders
    where deal_id is not null and is_paid and is_credit_note is not true
),

purchases as (
    select
        account_id,
        ordered_on as purchased_on,
        greatest(ordered_on, settled_on) as known_on,
        amount
    from orders
    where is_paid and is_credit_note is not true
    union all
    select
        deals.account_id,
        deals.closed_on as purchased_on,
        deals.closed_on as known_on,
        deals.amount
    from deals
    left join ordered_deals on deals.deal_id = ordered_deals.deal_id
    where deals.is_won and ordered_deals.deal_id is null
)

select
    account_id,
    sum(amount) as amount,
    purchased_on,
    min(known_on) as known_on
from purchases
where account_id not in ('(none)', '(unknown)')
group by account_id, purchased_on
