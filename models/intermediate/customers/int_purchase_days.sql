with

purchase_events as (
    select * from {{ ref('int_purchase_events') }}
),

purchases as (
    select
        account_id,
        coalesce(sum(order_amount), sum(deal_amount)) as amount,
        min(purchased_on) as purchased_on
    from purchase_events
    group by account_id, purchase_id
)

select
    account_id,
    sum(amount) as amount,
    purchased_on
from purchases
group by account_id, purchased_on
