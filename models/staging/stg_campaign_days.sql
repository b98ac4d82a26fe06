with

source as (
    select * from {{ source('raw', 'campaign_days') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'campaign_days'
),

typed as (
    select
        -- ids
        {{ to_text('campaign_id') }} as campaign_id,

        -- text
        upper({{ to_text('currency') }}) as currency,

        -- numerics
        {{ to_decimal('cost') }} as cost,
        {{ to_integer('impressions') }} as impressions,
        {{ to_integer('clicks') }} as clicks,
        {{ to_integer('engagements') }} as engagements,

        -- dates
        {{ to_date('day') }} as day,

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
