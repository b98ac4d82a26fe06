with

deals as (
    select * from {{ ref('stg_deals') }}
),

leads as (
    select * from {{ ref('fct_leads') }}
),

web_sessions as (
    select * from {{ ref('stg_web_sessions') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

products as (
    select * from {{ ref('dim_products') }}
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

int_known_costs as (
    select * from {{ ref('int_known_costs') }}
),

-- What happened after as_of is not known yet: a deal that is closed later is open.
known as (
    select
        deals.*,
        {{ local_date('deals.created_at') }} as created_on,
        case
            when
                deals.status in ('won', 'lost')
                and {{ local_date('deals.closed_at') }} <= reporting_window.as_of
                then {{ local_date('deals.closed_at') }}
        end as closed_on,
        case
            when {{ local_date('deals.first_paid_at') }} <= reporting_window.as_of
                then {{ local_date('deals.first_paid_at') }}
        end as first_paid_on,
        reporting_window.as_of
    from deals
    cross join reporting_window
    where {{ local_date('coalesce(deals.created_at, deals.closed_at)') }} <= reporting_window.as_of
),

-- The lead of a deal where only the lead names the deal; of several, the same one in every run.
leads_by_deal as (
    select
        deal_id,
        min(lead_id) as lead_id
    from leads
    group by deal_id
),

-- The first paid order of a deal stands in where the deal does not tell its first payment, or tells one that is not known yet.
payments_by_deal as (
    select
        deal_id,
        min(settled_on) as first_settled_on
    from orders
    where deal_id is not null and is_credit_note is not true
    group by deal_id
),

deals_with_lead as (
    select
        known.*,
        coalesce(known.lead_id, leads_by_deal.lead_id) as first_lead_id,
        coalesce(known.first_paid_on, payments_by_deal.first_settled_on) as first_payment_on
    from known
    left join leads_by_deal on known.deal_id = leads_by_deal.deal_id
    left join payments_by_deal on known.deal_id = payments_by_deal.deal_id
),

first_sessions as (
    select
        lead_id,
        min({{ local_date('started_at') }}) as started_on
    from web_sessions
    group by lead_id
),

deals_with_touch as (
    select
        deals_with_lead.*,
        coalesce(deals_with_lead.campaign_id, nullif(leads.campaign_id, '(none)')) as first_campaign_id,
        coalesce(leads.first_touch_on, leads.created_on, first_sessions.started_on) as lead_touched_on
    from deals_with_lead
    left join leads on deals_with_lead.first_lead_id = leads.lead_id
    left join first_sessions on deals_with_lead.first_lead_id = first_sessions.lead_id
),

-- A deal is created when it is known at the latest: a lead that was entered afterwards does not make the cycle shorter. Where nobody knows
-- when the deal was created, a lead that was entered after its close does not tell either. least() takes NULL for nothing.
touched_deals as (
    select
        *,
        case when created_on is not null or lead_touched_on <= closed_on then least(lead_touched_on, created_on) end as first_touch_on
    from deals_with_touch
)

select
    -- ids
    touched_deals.deal_id,
    {{ segment('accounts.account_id', key='touched_deals.account_id', found='accounts.account_id') }} as account_id,
    {{ segment('users.user_id', key='touched_deals.owner_id', found='users.user_id') }} as owner_id,
    {{ segment('products.product_id', key='touched_deals.product_id', found='products.product_id') }} as product_id,
    {{ segment('campaigns.campaign_id', key='touched_deals.first_campaign_id', found='campaigns.campaign_id') }} as campaign_id,
    touched_deals.first_lead_id as lead_id,

    -- segments
    {{ segment('users.team', key='touched_deals.owner_id', found='users.user_id') }} as team,
    {{ segment('touched_deals.pipeline') }} as pipeline,
    {{ segment('touched_deals.deal_type') }} as deal_type,
    {{ segment('touched_deals.source') }} as source,
    {{ segment('campaigns.channel', key='touched_deals.first_campaign_id', found='campaigns.campaign_id') }} as channel,
    {{ segment('accounts.industry', key='touched_deals.account_id', found='accounts.account_id') }} as industry,
    {{ segment('accounts.country', key='touched_deals.account_id', found='accounts.account_id') }} as country,
    {{ segment('accounts.company_size', key='touched_deals.account_id', found='accounts.account_id') }} as company_size,
    -- The record tells today's stage: of a deal that was closed after as_of it is not the stage of then.
    case
        when touched_deals.status <> 'open' and touched_deals.closed_on is null then '(none)'
        else {{ segment('touched_deals.stage') }}
    end as stage,
    case when touched_deals.closed_on is not null then {{ segment('touched_deals.lost_reason') }} else '(none)' end as lost_reason,

    -- amounts
    {{ to_reporting_currency('touched_deals.amount', 'rates.rate') }} as amount,

    -- durations
    case
        when touched_deals.status = 'won' then {{ days_between('touched_deals.first_touch_on', 'touched_deals.closed_on') }}
    end as sales_cycle_days,
    -- A payment before the first touch belongs to something else.
    case
        when
            touched_deals.closed_on is not null
            and touched_deals.status = 'won'
            and touched_deals.first_payment_on >= touched_deals.first_touch_on
            then {{ days_between('touched_deals.first_touch_on', 'touched_deals.first_payment_on') }}
    end as lead_to_cash_days,

    -- booleans
    touched_deals.closed_on is null as is_open,
    touched_deals.closed_on is not null and touched_deals.status = 'won' as is_won,
    touched_deals.closed_on is not null and touched_deals.status = 'lost' as is_lost,
    touched_deals.first_campaign_id is not null as is_from_campaign,
    coalesce(
        touched_deals.closed_on between int_known_costs.marketing_spend_known_from and int_known_costs.marketing_spend_known_until, false
    ) as is_spend_known,

    -- dates
    touched_deals.first_touch_on,
    touched_deals.created_on,
    touched_deals.expected_close_on,
    touched_deals.closed_on,
    touched_deals.first_payment_on as first_paid_on,

    -- timestamps
    touched_deals.created_at,
    case when touched_deals.closed_on is not null then touched_deals.closed_at end as closed_at
from touched_deals
cross join int_known_costs
left join accounts on touched_deals.account_id = accounts.account_id
left join users on touched_deals.owner_id = users.user_id
left join products on touched_deals.product_id = products.product_id
left join campaigns on touched_deals.first_campaign_id = campaigns.campaign_id
left join rates
    on
        coalesce(touched_deals.currency, '(none)') = rates.currency
        and coalesce(touched_deals.closed_on, touched_deals.created_on) >= rates.valid_from
        and coalesce(touched_deals.closed_on, touched_deals.created_on) < rates.valid_until
