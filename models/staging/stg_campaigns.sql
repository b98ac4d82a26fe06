with

source as (
    select * from {{ source('raw', 'campaigns') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'campaigns'
),

typed as (
    select
        -- ids
        {{ to_text('campaign_id') }} as campaign_id,

        -- text
        {{ to_text('name') }} as name,
        {{ to_text('channel') }} as channel,
        upper({{ to_text('currency') }}) as currency,

        -- numerics
        {{ to_decimal('budget') }} as budget,

        -- dates
        {{ to_date('started_on') }} as started_on,
        {{ to_date('ended_on') }} as ended_on,

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
        campaign_id,

        -- text
        name,
        channel,
        currency,

        -- numerics
        budget,

        -- dates
        started_on,
        case when coalesce(ended_on >= started_on, true) then ended_on end as ended_on,

        -- where it came from
        _row_number
    from typed
)

select * from checked
