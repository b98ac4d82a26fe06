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
    where {{ local_date('deals.created_at') }} <= reporting_window.as_of
),

-- The lead of a deal where only the lead names the deal; of several, the same one in every run.
leads_by_deal as (
    select
        deal_id,
        min(lead_id) as lead_id
    from leads
    where deal_id is not null
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

linked as (
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
    where lead_id is not null
    group by lead_id
),

-- A deal is created when it is known at the latest: a lead that was entered afterwards does not make the cycle shorter.
touched as (
    select
        linked.*,
        coalesce(linked.campaign_id, nullif(leads.campaign_id, '(none)')) as first_campaign_id,
        least(
            coalesce(leads.first_touch_on, leads.created_on, first_sessions.started_on, linked.created_on),
            linked.created_on
        ) as first_touch_on
    from linked
    left join leads on linked.first_lead_id = leads.lead_id
    left join first_sessions on linked.first_lead_id = first_sessions.lead_id
)

select
    -- ids
    touched.deal_id,
    {{ segment('accounts.account_id', key='touched.account_id', found='accounts.account_id') }} as account_id,
    {{ segment('users.user_id', key='touched.owner_id', found='users.user_id') }} as owner_id,
    {{ segment('products.product_id', key='touched.product_id', found='products.product_id') }} as product_id,
    {{ segment('campaigns.campaign_id', key='touched.first_campaign_id', found='campaigns.campaign_id') }} as campaign_id,
    touched.first_lead_id as lead_id,

    -- segments
    {{ segment('users.team', key='touched.owner_id', found='users.user_id') }} as team,
    {{ segment('touched.pipeline') }} as pipeline,
    {{ segment('touched.deal_type') }} as deal_type,
    {{ segment('touched.source') }} as source,
    {{ segment('campaigns.channel', key='touched.first_campaign_id', found='campaigns.campaign_id') }} as channel,
    {{ segment('accounts.industry', key='touched.account_id', found='accounts.account_id') }} as industry,
    {{ segment('accounts.country', key='touched.account_id', found='accounts.account_id') }} as country,
    {{ segment('accounts.company_size', key='touched.account_id', found='accounts.account_id') }} as company_size,
    -- The record tells today's stage: of a deal that was closed after as_of it is not the stage of then.
    case
        when touched.status <> 'open' and touched.closed_on is null then '(none)'
        else {{ segment('touched.stage') }}
    end as stage,
    case when touched.closed_on is not null then {{ segment('touched.lost_reason') }} else '(none)' end as lost_reason,

    -- amounts
    {{ to_reporting_currency('touched.amount', 'rates.rate') }} as amount,

    -- durations
    case
        when touched.status = 'won' then {{ days_between('touched.first_touch_on', 'touched.closed_on') }}
    end as sales_cycle_days,
    -- A payment before the first touch belongs to something else.
    case
        when
            touched.closed_on is not null
            and touched.status = 'won'
            and touched.first_payment_on >= touched.first_touch_on
            then {{ days_between('touched.first_touch_on', 'touched.first_payment_on') }}
    end as lead_to_cash_days,

    -- booleans
    touched.closed_on is null as is_open,
    touched.closed_on is not null and touched.status = 'won' as is_won,
    touched.closed_on is not null and touched.status = 'lost' as is_lost,
    touched.first_campaign_id is not null as is_from_campaign,
    coalesce(
        touched.closed_on between int_known_costs.marketing_spend_known_from and int_known_costs.marketing_spend_known_until, false
    ) as is_spend_known,

    -- dates
    touched.first_touch_on,
    touched.created_on,
    touched.expected_close_on,
    touched.closed_on,
    touched.first_payment_on as first_paid_on,

    -- timestamps
    touched.created_at,
    case when touched.closed_on is not null then touched.closed_at end as closed_at
from touched
cross join int_known_costs
left join accounts on touched.account_id = accounts.account_id
left join users on touched.owner_id = users.user_id
left join products on touched.product_id = products.product_id
left join campaigns on touched.first_campaign_id = campaigns.campaign_id
left join rates
    on
        coalesce(touched.currency, '(none)') = rates.currency
        and coalesce(touched.closed_on, touched.created_on) >= rates.valid_from
        and coalesce(touched.closed_on, touched.created_on) < rates.valid_until
