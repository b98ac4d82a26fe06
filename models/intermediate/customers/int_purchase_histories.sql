with

purchase_days as (
    select * from {{ ref('int_purchase_days') }}
),

outlook_days as (
    select * from {{ ref('int_outlook_days') }}
),

histories as (
    select
        outlook_days.outlook_on,
        purchase_days.account_id,
        count(*) as purchases,
        count(purchase_days.amount) as purchases_with_amount,
        sum(purchase_days.amount) as amount,
        min(purchase_days.purchased_on) as first_purchased_on,
        max(purchase_days.purchased_on) as last_purchased_on
    from purchase_days
    inner join outlook_days
        on purchase_days.purchased_on <= outlook_days.outlook_on and purchase_days.known_on <= outlook_days.outlook_on
    group by outlook_days.outlook_on, purchase_days.account_id
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
