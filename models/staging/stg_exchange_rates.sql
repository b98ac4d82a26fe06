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
    where not exists (
        select 1
        from rejected
        where rejected.row_number = source._row_number
    )
)

select * from typed
