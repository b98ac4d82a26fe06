with

purchase_events as (
    select * from {{ ref('int_purchase_events') }}
),

outlook_days as (
    select * from {{ ref('int_outlook_days') }}
),

-- A deal that is won and ordered is one purchase, on the first day that is known by then.
known_purchases as (
    select
        outlook_days.outlook_on,
        purchase_events.account_id,
        coalesce(sum(purchase_events.order_amount), sum(purchase_events.deal_amount)) as amount,
        min(purchase_events.purchased_on) as purchased_on
    from purchase_events
    inner join outlook_days on purchase_events.known_on <= outlook_days.outlook_on
    group by outlook_days.outlook_on, purchase_events.account_id, purchase_events.purchase_id
),

-- What is bought on one day is one purchase.
purchase_days as (
    select
        outlook_on,
        account_id,
        purchased_on,
        sum(amount) as amount
    from known_purchases
    group by outlook_on, account_id, purchased_on
),

histories as (
    select
        outlook_on,
        account_id,
        count(*) as purchases,
        count(amount) as purchases_with_amount,
        sum(amount) as amount,
        min(purchased_on) as first_purchased_on,
        max(purchased_on) as last_purchased_on
    from purchase_days
    group by outlook_on, account_id
)

select
    -- ids
    outlook_on,
    account_id,

    -- amounts
    amount,

    -- numerics
    purchases,
    purchases - 1 as repeat_purchases,
    purchases_with_amount,

    -- durations
    {{ days_between('first_purchased_on', 'last_purchased_on') }} as repeat_days,
    {{ days_between('first_purchased_on', 'outlook_on') }} as known_days,

    -- dates
    first_purchased_on,
    last_purchased_on
from histories
