with

order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- A won deal that led to orders is bought by them.
deals_with_orders as (
    select distinct deal_id from orders
),

purchases as (
    select
        account_id,
        product_id,
        ordered_on as purchased_on,
        false as is_subscribed
    from order_lines
    where is_revenue and coalesce(amount, 0) >= 0
    union all
    select
        deals.account_id,
        deals.product_id,
        deals.closed_on as purchased_on,
        false as is_subscribed
    from deals
    left join deals_with_orders on deals.deal_id = deals_with_orders.deal_id
    where deals.is_won and deals_with_orders.deal_id is null
    union all
    select
        subscriptions.account_id,
        subscriptions.product_id,
        subscriptions.started_on as purchased_on,
        coalesce(subscriptions.ended_on > reporting_window.as_of, true) as is_subscribed
    from subscriptions
    cross join reporting_window
)

select
    -- ids
    account_id,
    product_id,

    -- numerics
    count(distinct purchased_on) as purchase_days,

    -- booleans
    bool_or(is_subscribed) as is_subscribed,

    -- dates
    min(purchased_on) as first_purchased_on,
    max(purchased_on) as last_purchased_on
from purchases
where account_id not in ('(none)', '(unknown)') and product_id not in ('(none)', '(unknown)')
group by account_id, product_id
