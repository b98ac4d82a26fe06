with

source as (
    select * from {{ source('raw', 'accounts') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'accounts'
),

typed as (
    select
        -- ids
        {{ to_text('account_id') }} as account_id,
        {{ to_text('owner_id') }} as owner_id,

        -- text
        {{ to_text('name') }} as name,
        {{ to_text('industry') }} as industry,
        {{ to_text('country') }} as country,
        {{ to_text('region') }} as region,
        {{ to_text('city') }} as city,

        -- numerics
        {{ to_integer('employee_count') }} as employee_count,
        {{ to_decimal('annual_revenue') }} as annual_revenue,

        -- timestamps
        {{ to_timestamp('created_at') }} as created_at,
        {{ to_timestamp('updated_at') }} as updated_at,

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
