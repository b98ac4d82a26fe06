with

rates as (
    select * from {{ ref('stg_exchange_rates') }}
),

of_other_currencies as (
    select
        currency,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by currency order by valid_from), cast('2100-01-01' as date)
        ) as valid_until,
        rate
    from rates
    where currency <> {{ reporting_currency() }}
),

-- The reporting currency is worth one of itself, whatever a file says of it; so is an amount that names no currency.
worth_one (currency) as (
    values ({{ reporting_currency() }}), ('(none)')
),

of_the_reporting_currency as (
    select
        currency,
        cast('1970-01-01' as date) as valid_from,
        cast('2100-01-01' as date) as valid_until,
        cast(1 as decimal(18, 8)) as rate
    from worth_one
)

select
    currency,
    valid_from,
    valid_until,
    rate
from of_other_currencies
union all
select
    currency,
    valid_from,
    valid_until,
    rate
from of_the_reporting_currency
