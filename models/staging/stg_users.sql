with

source as (
    select * from {{ source('raw', 'users') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'users'
),

typed as (
    select
        -- ids
        {{ to_text('user_id') }} as user_id,
        {{ to_text('manager_id') }} as manager_id,

        -- text
        {{ to_text('name') }} as name,
        {{ to_text('email') }} as email,
        {{ to_text('team') }} as team,
        {{ to_text('department') }} as department,

        -- dates
        {{ to_date('hired_on') }} as hired_on,
        {{ to_date('left_on') }} as left_on,

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
        user_id,
        manager_id,

        -- text
        name,
        email,
        team,
        department,

        -- dates
        hired_on,
        case when coalesce(left_on >= hired_on, true) then left_on end as left_on,

        -- where it came from
        _row_number
    from typed
)

select * from checked
