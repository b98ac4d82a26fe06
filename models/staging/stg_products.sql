with

source as (
    select * from {{ source('raw', 'products') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'products'
),

typed as (
    select
        -- ids
        {{ to_text('product_id') }} as product_id,

        -- text
        {{ to_text('name') }} as name,
        {{ to_text('category') }} as category,
        upper({{ to_text('currency') }}) as currency,

        -- numerics
        {{ to_decimal('unit_cost') }} as unit_cost,

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
