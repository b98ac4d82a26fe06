with

orders as (
    select * from {{ ref('fct_orders') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

leads as (
    select * from {{ ref('fct_leads') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

int_known_costs as (
    select * from {{ ref('int_known_costs') }}
),

-- What makes an account a customer. A subscription that ended on its first day never ran.
purchases as (
    select
        account_id,
        ordered_on as purchased_on,
        deal_id
    from orders
    where is_paid and is_credit_note is not true
    union all
    select
        account_id,
        closed_on as purchased_on,
        deal_id
    from deals
    where is_won and account_id <> '(none)'
    union all
    select
        account_id,
        started_on as purchased_on,
        cast(null as {{ dbt.type_string() }}) as deal_id
    from subscriptions
    where ended_on is null or started_on < ended_on
),

first_days as (
    select
        account_id,
        min(purchased_on) as first_purchased_on
    from purchases
    group by account_id
),

-- The deal that was won on that day, or that led to the order of that day; of several, the same one in every run.
first_purchases as (
    select
        first_days.account_id,
        first_days.first_purchased_on,
        min(purchases.deal_id) as deal_id
    from first_days
    inner join purchases
        on
            first_days.account_id = purchases.account_id
            and first_days.first_purchased_on = purchases.purchased_on
    group by first_days.account_id, first_days.first_purchased_on
),

leads_before as (
    select
        first_days.account_id,
        leads.lead_id,
        row_number() over (partition by first_days.account_id order by leads.created_on, leads.lead_id) as lead_number
    from first_days
    inner join leads
        on
            first_days.account_id = leads.account_id
            and first_days.first_purchased_on >= leads.created_on
),

-- The deal's lead, else the first lead of the account.
first_purchases_with_lead as (
    select
        first_purchases.account_id,
        first_purchases.first_purchased_on,
        deals.deal_id,
        deals.source as deal_source,
        coalesce(deals.lead_id, leads_before.lead_id) as lead_id
    from first_purchases
    left join deals on first_purchases.deal_id = deals.deal_id
    left join leads_before
        on
            first_purchases.account_id = leads_before.account_id
            and leads_before.lead_number = 1
)

select
    -- ids
    first_purchases_with_lead.account_id,
    first_purchases_with_lead.deal_id,
    first_purchases_with_lead.lead_id,

    -- segments
    accounts.industry,
    accounts.country,
    accounts.company_size,
    coalesce(nullif(first_purchases_with_lead.deal_source, '(none)'), leads.source, '(none)') as source,

    -- booleans
    coalesce(
        first_purchases_with_lead.first_purchased_on between int_known_costs.acquisition_cost_known_from
        and int_known_costs.acquisition_cost_known_until,
        false
    ) as is_acquisition_cost_known,

    -- dates
    first_purchases_with_lead.first_purchased_on
from first_purchases_with_lead
cross join int_known_costs
inner join accounts on first_purchases_with_lead.account_id = accounts.account_id
left join leads on first_purchases_with_lead.lead_id = leads.lead_id
