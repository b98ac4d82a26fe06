with

orders as (
    select * from {{ ref('stg_orders') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

rates as (
    select * from {{ ref('dim_exchange_rates') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

known as (
    select
        orders.*,
        coalesce(orders.status, 'paid') as known_status,
        {{ local_date('orders.ordered_at') }} as ordered_on,
        case
            when {{ local_date('orders.paid_at') }} <= reporting_window.as_of then {{ local_date('orders.paid_at') }}
        end as paid_on,
        case
            when {{ local_date('coalesce(orders.paid_at, orders.ordered_at)') }} <= reporting_window.as_of
                then {{ local_date('coalesce(orders.paid_at, orders.ordered_at)') }}
        end as known_paid_on
    from orders
    cross join reporting_window
    where {{ local_date('orders.ordered_at') }} <= reporting_window.as_of
)

select
    -- ids
    known.order_id,
    {{ segment('accounts.account_id', key='known.account_id', found='accounts.account_id') }} as account_id,
    known.deal_id,

    -- segments
    known.known_status as status,
    {{ segment('accounts.industry', key='known.account_id', found='accounts.account_id') }} as industry,
    {{ segment('accounts.country', key='known.account_id', found='accounts.account_id') }} as country,
    {{ segment('accounts.company_size', key='known.account_id', found='accounts.account_id') }} as company_size,

    -- amounts
    {{ to_reporting_currency('known.amount', 'rates.rate') }} as amount,

    -- booleans
    known.known_status = 'paid' and known.known_paid_on is not null as is_paid,
    known.known_status not in ('cancelled', 'refunded') as is_revenue,
    coalesce(known.amount < 0, false) as is_credit_note,

    -- dates
    known.ordered_on,
    known.paid_on,
    case when known.known_status = 'paid' then known.known_paid_on end as settled_on
from known
left join accounts on known.account_id = accounts.account_id
left join rates
    on
        coalesce(known.currency, '(none)') = rates.currency
        and known.ordered_on >= rates.valid_from
        and known.ordered_on < rates.valid_until
