with

source as (
    select * from {{ source('raw', 'costs') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'costs'
),

typed as (
    select
        -- ids
        {{ to_text('cost_id') }} as cost_id,
        {{ to_text('account_id') }} as account_id,

        -- text
        lower({{ to_text('purpose') }}) as purpose,
        {{ to_text('cost_type') }} as cost_type,
        upper({{ to_text('currency') }}) as currency,

        -- numerics
        {{ to_decimal('amount') }} as amount,

        -- dates
        {{ to_date('incurred_on') }} as incurred_on,

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
