with

source as (
    select * from {{ source('raw', 'activities') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'activities'
),

typed as (
    select
        -- ids
        {{ to_text('activity_id') }} as activity_id,
        {{ to_text('user_id') }} as user_id,
        {{ to_text('account_id') }} as account_id,
        {{ to_text('contact_id') }} as contact_id,
        {{ to_text('lead_id') }} as lead_id,
        {{ to_text('deal_id') }} as deal_id,
        {{ to_text('ticket_id') }} as ticket_id,

        -- text
        {{ to_text('activity_type') }} as activity_type,
        {{ to_text('channel') }} as channel,
        lower({{ to_text('direction') }}) as direction,

        -- numerics
        {{ to_decimal('duration_minutes') }} as duration_minutes,

        -- booleans
        {{ to_boolean('is_automated') }} as is_automated,

        -- timestamps
        {{ to_timestamp('occurred_at') }} as occurred_at,
        {{ to_timestamp('due_at', is_deadline=true) }} as due_at,
        {{ to_timestamp('completed_at') }} as completed_at,

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
        activity_id,
        user_id,
        account_id,
        contact_id,
        lead_id,
        deal_id,
        ticket_id,

        -- text
        activity_type,
        channel,
        case when direction in ('inbound', 'outbound', 'internal') then direction end as direction,

        -- numerics
        duration_minutes,

        -- booleans
        is_automated,

        -- timestamps
        occurred_at,
        due_at,
        completed_at,

        -- where it came from
        _row_number
    from typed
)

select * from checked
