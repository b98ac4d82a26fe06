with

source as (
    select * from {{ source('raw', 'orders') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'orders'
),

typed as (
    select
        -- ids
        {{ to_text('order_id') }} as order_id,
        {{ to_text('account_id') }} as account_id,
        {{ to_text('deal_id') }} as deal_id,

        -- text
        replace(lower({{ to_text('status') }}), 'canceled', 'cancelled') as status,
        upper({{ to_text('currency') }}) as currency,

        -- numerics
        {{ to_decimal('amount') }} as amount,

        -- timestamps
        {{ to_timestamp('ordered_at') }} as ordered_at,
        {{ to_timestamp('paid_at') }} as paid_at,

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
