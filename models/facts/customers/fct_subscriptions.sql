with

subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

rates as (
    select * from {{ ref('dim_exchange_rates') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

known as (
    select subscriptions.*
    from subscriptions
    cross join reporting_window
    where subscriptions.started_on <= reporting_window.as_of
)

select
    -- ids
    known.subscription_id,
    {{ segment('accounts.account_id', key='known.account_id', found='accounts.account_id') }} as account_id,
    {{ segment('products.product_id', key='known.product_id', found='products.product_id') }} as product_id,

    -- segments
    {{ segment('accounts.industry', key='known.account_id', found='accounts.account_id') }} as industry,
    {{ segment('accounts.country', key='known.account_id', found='accounts.account_id') }} as country,
    {{ segment('accounts.company_size', key='known.account_id', found='accounts.account_id') }} as company_size,

    -- amounts
    {{ to_reporting_currency('known.monthly_amount', 'rates.rate') }} as monthly_amount,

    -- dates
    known.started_on,
    known.ended_on
from known
left join accounts on known.account_id = accounts.account_id
left join products on known.product_id = products.product_id
left join rates
    on
        coalesce(known.currency, '(none)') = rates.currency
        and known.started_on >= rates.valid_from
        and known.started_on < rates.valid_until
