with

source as (
    select * from {{ source('raw', 'ticket_events') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'ticket_events'
),

typed as (
    select
        -- ids
        {{ to_text('event_id') }} as event_id,
        {{ to_text('ticket_id') }} as ticket_id,
        {{ to_text('user_id') }} as user_id,

        -- text
        lower({{ to_text('event_type') }}) as event_type,

        -- timestamps
        {{ to_timestamp('occurred_at') }} as occurred_at,

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
