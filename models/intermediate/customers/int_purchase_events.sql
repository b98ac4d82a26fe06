with

orders as (
    select * from {{ ref('fct_orders') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
)

select
    account_id,
    case when deal_id is not null then 'deal ' || deal_id else 'order ' || order_id end as purchase_id,
    amount as order_amount,
    cast(null as decimal(18, 4)) as deal_amount,
    ordered_on as purchased_on,
    greatest(ordered_on, settled_on) as known_on
from orders
where is_paid and is_credit_note is not true and account_id not in ('(none)', '(unknown)')
union all
select
    account_id,
    'deal ' || deal_id as purchase_id,
    cast(null as decimal(18, 4)) as order_amount,
    amount as deal_amount,
    closed_on as purchased_on,
    closed_on as known_on
from deals
where is_won and account_id not in ('(none)', '(unknown)')
