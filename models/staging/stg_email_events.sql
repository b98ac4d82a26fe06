with

source as (
    select * from {{ source('raw', 'email_events') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'email_events'
),

typed as (
    select
        -- ids
        {{ to_text('event_id') }} as event_id,
        {{ to_text('email_id') }} as email_id,
        {{ to_text('campaign_id') }} as campaign_id,
        {{ to_text('contact_id') }} as contact_id,

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
