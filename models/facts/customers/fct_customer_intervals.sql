with

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

purchases as (
    select
        account_id,
        ordered_on as purchased_on
    from orders
    where is_paid and is_credit_note is not true
    union all
    select
        account_id,
        closed_on as purchased_on
    from deals
    where is_won and account_id <> '(none)'
),

running_subscriptions as (
    select
        account_id,
        started_on as active_from,
        coalesce(ended_on, cast('2100-01-01' as date)) as active_until
    from subscriptions
    where ended_on is null or started_on < ended_on
),

subscribers as (
    select distinct account_id from running_subscriptions
),

-- An account that ever had a subscription is active while one runs; any other for a time after each purchase. A won deal and its order are
-- often of one day: as two equal spans they would be put into an order of their own by each of the windows below.
spans as (
    select
        account_id,
        active_from,
        active_until
    from running_subscriptions
    union
    select
        account_id,
        purchased_on as active_from,
        {{ add_days('purchased_on', setting('churn_after_days')) }} as active_until
    from purchases
    where not exists (
        select 1
        from subscribers
        where subscribers.account_id = purchases.account_id
    )
),

spans_with_earlier_end as (
    select
        account_id,
        active_from,
        active_until,
        max(active_until) over (
            partition by account_id
            order by active_from, active_until
            rows between unbounded preceding and 1 preceding
        ) as active_until_before
    from spans
),

-- A span that begins where an earlier one still runs, or on the day it ends, goes on with it.
spans_numbered as (
    select
        account_id,
        active_from,
        active_until,
        sum(case when active_until_before >= active_from then 0 else 1 end) over (
            partition by account_id
            order by active_from, active_until
            rows between unbounded preceding and current row
        ) as interval_number
    from spans_with_earlier_end
),

intervals as (
    select
        account_id,
        cast(interval_number as bigint) as interval_number,
        min(active_from) as active_from,
        max(active_until) as active_until
    from spans_numbered
    group by account_id, interval_number
)

select
    -- ids
    intervals.account_id,
    intervals.interval_number,

    -- segments
    accounts.industry,
    accounts.country,
    accounts.company_size,

    -- booleans
    subscribers.account_id is not null as has_subscription,

    -- dates
    intervals.active_from,
    nullif(intervals.active_until, cast('2100-01-01' as date)) as active_until
from intervals
inner join accounts on intervals.account_id = accounts.account_id
left join subscribers on intervals.account_id = subscribers.account_id
