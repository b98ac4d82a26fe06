with

source as (
    select * from {{ source('raw', 'tickets') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'tickets'
),

typed as (
    select
        -- ids
        {{ to_text('ticket_id') }} as ticket_id,
        {{ to_text('account_id') }} as account_id,
        {{ to_text('contact_id') }} as contact_id,
        {{ to_text('assignee_id') }} as assignee_id,
        {{ to_text('product_id') }} as product_id,

        -- text
        lower({{ to_text('status') }}) as status,
        {{ to_text('channel') }} as channel,
        {{ to_text('category') }} as category,
        {{ to_text('priority') }} as priority,

        -- numerics
        {{ to_integer('contact_count') }} as contact_count,
        {{ to_integer('reopen_count') }} as reopen_count,

        -- timestamps
        {{ to_timestamp('created_at') }} as created_at,
        {{ to_timestamp('first_responded_at', beside='created_at') }} as first_responded_at,
        {{ to_timestamp('resolved_at', beside='created_at') }} as resolved_at,
        {{ to_timestamp('due_at', beside='created_at', is_deadline=true) }} as due_at,
        {{ to_timestamp('updated_at') }} as updated_at,

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
        ticket_id,
        account_id,
        contact_id,
        assignee_id,
        product_id,

        -- text
        status,
        channel,
        category,
        priority,

        -- numerics
        contact_count,
        reopen_count,

        -- booleans: what happened at an impossible time happened all the same
        first_responded_at is not null as is_responded,
        resolved_at is not null as is_resolved,

        -- timestamps
        created_at,
        case when first_responded_at >= created_at then first_responded_at end as first_responded_at,
        case when resolved_at >= created_at then resolved_at end as resolved_at,
        due_at,
        updated_at,

        -- where it came from
        _row_number
    from typed
)

select * from checked
