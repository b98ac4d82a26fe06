with

source as (
    select * from {{ source('raw', 'order_items') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'order_items'
),

typed as (
    select
        -- ids
        {{ to_text('order_id') }} as order_id,
        {{ to_text('product_id') }} as product_id,

        -- numerics
        {{ to_integer('line_number') }} as line_number,
        {{ to_decimal('quantity') }} as quantity,
        {{ to_decimal('amount') }} as amount,

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
