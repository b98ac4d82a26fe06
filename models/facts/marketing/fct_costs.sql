with

costs as (
    select * from {{ ref('stg_costs') }}
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
    select costs.*
    from costs
    cross join reporting_window
    where costs.incurred_on <= reporting_window.as_of
)

select
    -- ids
    known.cost_id,
    {{ segment('accounts.account_id', key='known.account_id', found='accounts.account_id') }} as account_id,

    -- segments
    known.purpose,
    {{ segment('known.cost_type') }} as cost_type,

    -- amounts
    {{ to_reporting_currency('known.amount', 'rates.rate') }} as amount,

    -- dates
    known.incurred_on
from known
left join accounts on known.account_id = accounts.account_id
left join rates
    on
        coalesce(known.currency, '(none)') = rates.currency
        and known.incurred_on >= rates.valid_from
        and known.incurred_on < rates.valid_until
