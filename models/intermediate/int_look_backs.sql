with

deals as (
    select * from {{ ref('fct_deals') }}
),

visits as (
    select * from {{ ref('fct_deal_stage_visits') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

-- How long nine of ten take: of what ended sooner after the records began, only the short ones are in them.
durations as (
    select
        'sales cycle' as look_back,
        percentile_cont(0.9) within group (order by sales_cycle_days) as usual_days,
        min(created_on) as counts_from
    from deals
    union all
    select
        'payment' as look_back,
        percentile_cont(0.9) within group (order by lead_to_cash_days) as usual_days,
        min(created_on) as counts_from
    from deals
    union all
    select
        'stage' as look_back,
        percentile_cont(0.9) within group (order by stage_days) as usual_days,
        min(entered_on) as counts_from
    from visits
    union all
    select
        'resolution' as look_back,
        percentile_cont(0.9) within group (order by cast(resolution_seconds as double) / 86400) as usual_days,
        min(created_on) as counts_from
    from tickets
),

-- An account without a subscription cannot cease to be a customer before churn_after_days. A few such accounts among many do not matter.
purchasers as (
    select
        min(case when not has_subscription then active_from end) as first_active_from,
        count(*) as intervals,
        count(*) filter (where not has_subscription) as intervals_without_subscription
    from intervals
),

churn as (
    select
        first_active_from as counts_from,
        cast({{ setting('churn_after_days') }} as integer) as days
    from purchasers
    where intervals_without_subscription > 0.05 * intervals
)

select
    look_back,
    cast(ceil(usual_days) as integer) as days,
    counts_from
from durations
where usual_days is not null
union all
select
    'stalled' as look_back,
    cast({{ setting('stalled_after_days') }} as integer) as days,
    cast(null as date) as counts_from
union all
select
    'year' as look_back,
    365 as days,
    cast(null as date) as counts_from
union all
select
    'churn' as look_back,
    days,
    counts_from
from churn
union all
select
    'churn and year' as look_back,
    365 as days,
    cast(null as date) as counts_from
union all
select
    'churn and year' as look_back,
    days + 365 as days,
    counts_from
from churn
