with

deals as (
    select * from {{ ref('int_deals') }}
),

intervals as (
    select * from {{ ref('int_open_deal_intervals') }}
),

activities as (
    select * from {{ ref('fct_activities') }}
),

-- Where the deal stands at as_of, and since when: the same spans that the KPI of stalled deals counts.
current_stages as (
    select
        deal_id,
        stage_entered_on,
        is_stalled
    from intervals
    where open_until is null
),

last_activities as (
    select
        deal_id,
        max(occurred_on) as last_activity_on
    from activities
    group by deal_id
)

select
    -- ids
    deals.deal_id,
    deals.account_id,
    deals.owner_id,
    deals.product_id,
    deals.campaign_id,
    deals.lead_id,

    -- segments
    deals.team,
    deals.pipeline,
    deals.deal_type,
    deals.source,
    deals.channel,
    deals.industry,
    deals.country,
    deals.company_size,
    deals.stage,
    deals.lost_reason,

    -- amounts
    deals.amount,

    -- durations
    deals.sales_cycle_days,
    deals.lead_to_cash_days,

    -- booleans
    deals.is_open,
    deals.is_won,
    deals.is_lost,
    coalesce(current_stages.is_stalled, false) as is_stalled,
    deals.is_from_campaign,
    deals.is_spend_known,

    -- dates
    deals.first_touch_on,
    deals.created_on,
    current_stages.stage_entered_on,
    last_activities.last_activity_on,
    deals.expected_close_on,
    deals.closed_on,
    deals.first_paid_on,

    -- timestamps
    deals.created_at,
    deals.closed_at
from deals
left join current_stages on deals.deal_id = current_stages.deal_id
left join last_activities on deals.deal_id = last_activities.deal_id
