with

campaign_days as (
    select * from {{ ref('stg_campaign_days') }}
),

campaigns as (
    select * from {{ ref('dim_campaigns') }}
),

rates as (
    select * from {{ ref('dim_exchange_rates') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

known as (
    select campaign_days.*
    from campaign_days
    cross join reporting_window
    where campaign_days.day <= reporting_window.as_of
)

select
    -- ids
    known.campaign_id as raw_campaign_id,
    {{ segment('campaigns.campaign_id', key='known.campaign_id', found='campaigns.campaign_id') }} as campaign_id,

    -- segments
    {{ segment('campaigns.channel', key='known.campaign_id', found='campaigns.campaign_id') }} as channel,

    -- amounts
    {{ to_reporting_currency('known.cost', 'rates.rate') }} as cost,

    -- numerics
    known.impressions,
    known.clicks,
    known.engagements,

    -- dates
    known.day
from known
left join campaigns on known.campaign_id = campaigns.campaign_id
left join rates
    on
        coalesce(known.currency, '(none)') = rates.currency
        and known.day >= rates.valid_from
        and known.day < rates.valid_until
