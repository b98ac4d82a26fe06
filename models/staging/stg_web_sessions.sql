with

source as (
    select * from {{ source('raw', 'web_sessions') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'web_sessions'
),

typed as (
    select
        -- ids
        {{ to_text('session_id') }} as session_id,
        {{ to_text('visitor_id') }} as visitor_id,
        {{ to_text('campaign_id') }} as campaign_id,
        {{ to_text('lead_id') }} as lead_id,
        {{ to_text('account_id') }} as account_id,

        -- text
        {{ to_text('channel') }} as channel,

        -- numerics
        {{ to_integer('page_views') }} as page_views,

        -- timestamps
        {{ to_timestamp('started_at') }} as started_at,

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
