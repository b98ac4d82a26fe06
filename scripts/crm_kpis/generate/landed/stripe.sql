-- The company as Stripe's records. An invoice knows no deal; amounts are in the smallest unit.

-- said: accounts
select account_id, name, country, city, created_at
from raw.accounts

-- said: products
select product_id, name
from raw.products

-- said: orders
select
    order_id, account_id, ordered_at, paid_at,
    case
        when status = 'refunded' and $loader = 'dlt' then 'paid'
        else coalesce(status, 'paid')
    end as status,
    amount, currency
from raw.orders

-- said: order_items
select order_id, line_number, product_id, quantity, amount
from raw.order_items

-- said: subscriptions
select subscription_id, account_id, started_on, ended_on, monthly_amount, currency, product_id
from raw.subscriptions

-- entity: customer
select account_id as customer_id, name, country, city, created_at, true as is_live, false as _is_deleted
from raw.accounts
union all
select 'cus_test', 'A test', 'DE', 'Ulm', timestamp '2024-01-01', false, false

-- entity: product
select product_id, name, true as is_live
from raw.products

-- entity: price for fivetran
select 'price_' || product_id as price_id, product_id, null as unit_amount, null as currency, 'month' as interval, 1 as interval_count
from raw.products
union all
select
    'price_' || subscription_id, product_id, cast(monthly_amount * 1200 as bigint), lower(currency), 'year', 1
from raw.subscriptions

-- entity: invoice
select
    order_id as invoice_id, account_id as customer_id, ordered_at - interval 1 minute as created_at, ordered_at as finalized_at, paid_at,
    case coalesce(status, 'paid') when 'refunded' then 'paid' when 'cancelled' then 'void' else coalesce(status, 'paid') end as status,
    cast(amount * 100 as bigint) as total, 0 as credited, lower(currency) as currency, true as is_live
from raw.orders
union all
(
    select 'draft_' || order_id, account_id, ordered_at, null, null, 'draft', 100, 0, 'eur', true
    from raw.orders
    order by order_id
    limit 3
)
union all
select 'test', 'cus_test', timestamp '2024-01-01', null, null, 'paid', 100, 0, 'eur', false

-- entity: charge
select
    'ch_' || order_id as charge_id, order_id as invoice_id, cast(amount * 100 as bigint) as amount,
    case when status = 'refunded' then cast(amount * 100 as bigint) else 0 end as refunded, true as is_live
from raw.orders
where amount > 0

-- entity: refund
select
    're_' || order_id as refund_id, 'ch_' || order_id as charge_id, cast(amount * 100 as bigint) as amount, 'succeeded' as status,
    ordered_at as created_at
from raw.orders
where status = 'refunded'

-- entity: invoice_line
select
    'il_' || lpad(cast(order_items.line_number as varchar), 4, '0') as line_id, order_items.order_id as invoice_id,
    'price_' || order_items.product_id as price_id, order_items.product_id, order_items.quantity,
    cast(order_items.amount * 100 as bigint) as amount, lower(orders.currency) as currency
from raw.order_items
inner join raw.orders on order_items.order_id = orders.order_id

-- entity: subscription
select
    subscription_id, account_id as customer_id, case when ended_on is null then 'active' else 'canceled' end as status,
    cast(started_on as timestamp) as started_at, null as trial_ends_at, cast(ended_on as timestamp) as ended_at, null as cancels_at,
    true as is_live
from raw.subscriptions
union all
(
    select 'never_' || subscription_id, account_id, 'incomplete_expired', cast(started_on as timestamp), null, null, null, true
    from raw.subscriptions
    order by subscription_id
    limit 2
)

-- entity: subscription_item for fivetran
select
    'si_' || subscription_id as item_id, subscription_id, 'price_' || subscription_id as price_id, 1 as quantity
from raw.subscriptions

-- entity: subscription_item
select
    'si_' || subscription_id as item_id, subscription_id, 'price_' || subscription_id as price_id, product_id,
    cast(monthly_amount * 300 as bigint) as unit_amount, lower(currency) as currency, 'month' as interval, 3 as interval_count,
    1 as quantity
from raw.subscriptions
