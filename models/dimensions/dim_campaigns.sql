with

campaigns as (
    select * from {{ ref('stg_campaigns') }}
),

rates as (
    select * from {{ ref('dim_exchange_rates') }}
),

placeholders (campaign_id) as (
    values ('(none)'), ('(unknown)')
)

select
    campaigns.campaign_id,
    campaigns.name as campaign_name,
    coalesce(campaigns.channel, '(none)') as channel,
    campaigns.started_on,
    campaigns.ended_on,
    {{ to_reporting_currency('campaigns.budget', 'rates.rate') }} as budget
from campaigns
left join rates
    on
        coalesce(campaigns.currency, '(none)') = rates.currency
        and coalesce(campaigns.started_on, cast('2099-12-31' as date)) >= rates.valid_from
        and coalesce(campaigns.started_on, cast('2099-12-31' as date)) < rates.valid_until
union all
select
    campaign_id,
    campaign_id as campaign_name,
    campaign_id as channel,
    cast(null as date) as started_on,
    cast(null as date) as ended_on,
    cast(null as decimal(18, 4)) as budget
from placeholders
