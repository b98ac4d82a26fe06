with

orders as (
    select * from {{ ref('fct_orders') }}
),

period_days as (
    select * from {{ ref('period_days') }}
)

select
    -- ids
    period_days.period_id,
    orders.account_id,

    -- segments
    orders.industry,
    orders.country,
    orders.company_size,

    -- numerics
    count(*) as orders,

    -- amounts
    cast(sum(orders.amount) as decimal(18, 4)) as revenue
from orders
inner join period_days on orders.ordered_on = period_days.day
where orders.is_revenue
group by period_days.period_id, orders.account_id, orders.industry, orders.country, orders.company_size
