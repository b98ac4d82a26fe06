with

outlook_days as (
    select * from {{ ref('int_outlook_days') }}
),

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

purchase_chances as (
    select * from {{ ref('int_purchase_chances') }}
),

churn_chances as (
    select * from {{ ref('int_churn_chances') }}
),

-- Whether a subscription was there, and whether it runs at the end of the day.
subscribers as (
    select
        outlook_days.outlook_on,
        intervals.account_id,
        max(case when coalesce(intervals.active_until > outlook_days.outlook_on, true) then 1 else 0 end) = 1 as is_running
    from outlook_days
    inner join intervals on outlook_days.outlook_on >= intervals.active_from
    where intervals.has_subscription and intervals.account_id not in ('(none)', '(unknown)')
    group by outlook_days.outlook_on, intervals.account_id
),

-- Who was known to have bought, or to have subscribed.
customers as (
    select
        outlook_on,
        account_id
    from purchase_chances
    union
    select
        outlook_on,
        account_id
    from subscribers
),

customers_with_chances as (
    select
        customers.outlook_on,
        customers.account_id,
        outlook_days.days_back,
        subscribers.is_running is not null as has_subscription,
        coalesce(subscribers.is_running, false) as is_subscribed,
        -- Who left a subscription may still buy.
        case
            when subscribers.is_running then 1.0
            when subscribers.is_running is not null and purchase_chances.account_id is null then 0.0
            else purchase_chances.active_chance
        end as active_chance,
        case when subscribers.is_running then churn_chances.churn_chance_90_days end as churn_chance_90_days,
        case when subscribers.is_running then churn_chances.churn_chance_365_days end as churn_chance_365_days,
        case when subscribers.is_running then churn_chances.expected_months end as expected_months
    from customers
    inner join outlook_days on customers.outlook_on = outlook_days.outlook_on
    left join subscribers
        on customers.outlook_on = subscribers.outlook_on and customers.account_id = subscribers.account_id
    left join purchase_chances
        on customers.outlook_on = purchase_chances.outlook_on and customers.account_id = purchase_chances.account_id
    left join churn_chances
        on customers.outlook_on = churn_chances.outlook_on and customers.account_id = churn_chances.account_id
)

select
    -- ids
    outlook_on,
    days_back,
    account_id,

    -- segments
    {{ risk_group('case when is_subscribed then churn_chance_365_days else 1 - active_chance end') }} as risk_group,

    -- numerics
    active_chance,
    churn_chance_90_days,
    churn_chance_365_days,
    expected_months,

    -- booleans
    has_subscription,
    is_subscribed
from customers_with_chances
