with

source as (
    select * from {{ source('raw', 'exchange_rates') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'exchange_rates'
),

typed as (
    select
        -- text
        upper({{ to_text('currency') }}) as currency,

        -- numerics
        {{ to_decimal('rate', 8) }} as rate,

        -- dates
        {{ to_date('valid_from') }} as valid_from,

        -- where it came from
        _row_number
    from source
    where _row_number not in (select rejected.row_number from rejected)
)

select * from typed
