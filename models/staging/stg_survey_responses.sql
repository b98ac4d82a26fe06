with

source as (
    select * from {{ source('raw', 'survey_responses') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'survey_responses'
),

typed as (
    select
        -- ids
        {{ to_text('response_id') }} as response_id,
        {{ to_text('account_id') }} as account_id,
        {{ to_text('contact_id') }} as contact_id,
        {{ to_text('ticket_id') }} as ticket_id,
        {{ to_text('deal_id') }} as deal_id,
        {{ to_text('user_id') }} as user_id,

        -- text
        lower({{ to_text('survey_type') }}) as survey_type,
        {{ to_text('touchpoint') }} as touchpoint,
        {{ to_text('comment') }} as comment,

        -- numerics
        {{ to_decimal('score') }} as score,
        {{ to_decimal('scale_min') }} as scale_min,
        {{ to_decimal('scale_max') }} as scale_max,

        -- timestamps
        {{ to_timestamp('responded_at') }} as responded_at,

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
