with

source as (
    select * from {{ source('raw', 'deal_stages') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'deal_stages'
),

typed as (
    select
        -- ids
        {{ to_text('deal_id') }} as deal_id,

        -- text
        {{ to_text('stage') }} as stage,

        -- timestamps
        {{ to_timestamp('entered_at') }} as entered_at,
        {{ to_timestamp('exited_at') }} as exited_at,

        -- where it came from
        _row_number
    from source
    where not exists (
        select 1
        from rejected
        where rejected.row_number = source._row_number
    )
),

checked as (
    select
        -- ids
        deal_id,

        -- text
        stage,

        -- timestamps
        entered_at,
        case when exited_at >= entered_at then exited_at end as exited_at,

        -- where it came from
        _row_number
    from typed
)

select * from checked
