with

orders as (
    select * from {{ ref('fct_orders') }}
),

period_days as (
    select * from {{ ref('period_days') }}
),

by_account as (
    select
        period_days.period_id,
        orders.account_id,
        orders.industry,
        orders.country,
        orders.company_size,
        -- What has more digits can't be squared.
        try_cast(sum(orders.amount) as decimal({{ factor_digits() }}, 4)) as revenue,
        count(*) filter (where orders.is_credit_note is not true) as purchases
    from orders
    inner join period_days on orders.ordered_on = period_days.day
    where orders.is_revenue
    group by period_days.period_id, orders.account_id, orders.industry, orders.country, orders.company_size
)

select
    -- ids
    period_id,

    -- segments
    industry,
    country,
    company_size,

    -- numerics
    count(*) filter (where purchases > 0) as customers,
    count(revenue) filter (where purchases > 0) as customers_with_revenue,
    {{ sum_of_squares('revenue') }} as customer_revenue_squares
from by_account
group by period_id, industry, country, company_size
