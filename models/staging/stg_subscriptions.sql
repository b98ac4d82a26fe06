with

source as (
    select * from {{ source('raw', 'subscriptions') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'subscriptions'
),

typed as (
    select
        -- ids
        {{ to_text('subscription_id') }} as subscription_id,
        {{ to_text('account_id') }} as account_id,
        {{ to_text('product_id') }} as product_id,

        -- text
        upper({{ to_text('currency') }}) as currency,

        -- numerics
        {{ to_decimal('monthly_amount') }} as monthly_amount,

        -- dates
        {{ to_date('started_on') }} as started_on,
        {{ to_date('ended_on') }} as ended_on,

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
