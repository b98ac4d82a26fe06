with

source as (
    select * from {{ source('raw', 'contacts') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'contacts'
),

typed as (
    select
        -- ids
        {{ to_text('contact_id') }} as contact_id,
        {{ to_text('account_id') }} as account_id,

        -- text
        {{ to_text('first_name') }} as first_name,
        {{ to_text('last_name') }} as last_name,
        {{ to_text('email') }} as email,
        {{ to_text('phone') }} as phone,
        {{ to_text('job_title') }} as job_title,

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
