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

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

purchase_days as (
    select * from {{ ref('int_purchase_days') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- How long things take, by what they are: from which day to which day.
durations as (
    select
        'sales cycle' as duration,
        created_on as begun_on,
        closed_on as ended_on,
        cast(sales_cycle_days as double) as days
    from deals
    union all
    select
        'deal' as duration,
        created_on as begun_on,
        closed_on as ended_on,
        cast({{ days_between('created_on', 'closed_on') }} as double) as days
    from deals
    union all
    select
        'payment' as duration,
        created_on as begun_on,
        first_paid_on as ended_on,
        cast(lead_to_cash_days as double) as days
    from deals
    union all
    select
        'stage' as duration,
        entered_on as begun_on,
        exited_on as ended_on,
        cast(stage_days as double) as days
    from visits
    union all
    select
        'resolution' as duration,
        created_on as begun_on,
        open_until as ended_on,
        cast(resolution_seconds as double) / 86400 as days
    from tickets
    union all
    select
        'subscription' as duration,
        started_on as begun_on,
        ended_on,
        cast({{ days_between('started_on', 'ended_on') }} as double) as days
    from subscriptions
),

-- Nine of ten take no longer: of what ended sooner after the records began, only the short ones are in them.
usual_durations as (
    select
        duration,
        min(begun_on) as first_begun_on,
        min(ended_on) as first_ended_on,
        count(*) filter (where ended_on is null) as running,
        cast(ceil(percentile_cont(0.9) within group (order by days)) as integer) as days
    from durations
    group by duration
),

-- Where nothing ended for as long as things take, the records are of what ended since: of what began before, only the long ones are in
-- them. Where nothing runs, they are of what has ended: of what began last, only the short ones are.
selections as (
    select
        usual_durations.duration,
        usual_durations.first_begun_on,
        usual_durations.first_ended_on,
        usual_durations.days,
        case
            -- No subscription has ended yet: the records may be of those that run today, and an end could not have been seen.
            when
                usual_durations.duration = 'subscription'
                and coalesce(usual_durations.first_ended_on > reporting_window.as_of, true)
                then reporting_window.as_of
            when {{ days_between('usual_durations.first_begun_on', 'usual_durations.first_ended_on') }} >= usual_durations.days
                then usual_durations.first_ended_on
        end as survivors_until,
        case when usual_durations.running = 0 then usual_durations.days else 0 end as days_ahead
    from usual_durations
    cross join reporting_window
),

-- An account without a subscription is lost after churn_after_days at the earliest. A few such accounts among many do not matter, nor do a
-- few with a subscription among others.
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
    union all
    select
        selections.survivors_until as counts_from,
        0 as days
    from selections
    cross join purchasers
    where
        selections.duration = 'subscription'
        and selections.survivors_until is not null
        and purchasers.intervals - purchasers.intervals_without_subscription > 0.05 * purchasers.intervals
),

-- A customer from before the records, too, has a first purchase in them. How long it takes to come shows in the pauses between purchases.
pauses as (
    select
        purchased_on,
        {{ days_between(
            'lag(purchased_on) over (partition by account_id order by purchased_on)', 'purchased_on'
        ) }} as pause_days
    from purchase_days
    where
        not exists (
            select 1
            from subscriptions
            where purchase_days.account_id = subscriptions.account_id
        )
),

-- Pauses of up to half the time of the records are all known in the second half.
late_pauses as (
    select
        pauses.pause_days,
        purchasers.first_active_from,
        {{ days_between('purchasers.first_active_from', 'reporting_window.as_of') }} as recorded_days,
        row_number() over (order by pauses.pause_days desc nulls last) as pause_number,
        count(case when pauses.pause_days is null then 1 end) over () as first_purchases
    from pauses
    cross join purchasers
    cross join reporting_window
    where
        purchasers.intervals_without_subscription > 0.05 * purchasers.intervals
        and 2 * {{ days_between('pauses.purchased_on', 'reporting_window.as_of') }}
        <= {{ days_between('purchasers.first_active_from', 'reporting_window.as_of') }}
),

-- Longer pauses must be as few as one for twenty first purchases. Where these records are too short to show it, none of their days counts.
returns as (
    select
        first_active_from as counts_from,
        case when 2 * pause_days <= recorded_days then pause_days else recorded_days end as days
    from late_pauses
    where pause_number = 1 + floor(0.05 * first_purchases) and pause_days is not null
),

first_purchases as (
    select
        counts_from,
        days
    from churn
    union all
    select
        counts_from,
        days
    from returns
),

-- What is dated by its end waits until long ones can have ended, and so does a stock of what has not ended yet.
waits (look_back, duration) as (
    values
    ('sales cycle', 'sales cycle'),
    ('payment', 'payment'),
    ('stage', 'stage'),
    ('resolution', 'resolution'),
    ('closing', 'deal'),
    ('open deals', 'deal'),
    ('stalled', 'deal'),
    ('open tickets', 'resolution')
),

-- What is dated by its beginning, or is a stock, needs what began and did not survive, and what began and has not ended.
selection_look_backs (look_back, duration) as (
    values
    ('creation', 'deal'),
    ('open deals', 'deal'),
    ('stalled', 'deal'),
    ('open tickets', 'resolution')
)

select
    waits.look_back,
    selections.days,
    -- Nobody knows when an imported deal began: the records of closings begin with the first of them.
    case
        when waits.look_back = 'closing' then least(selections.first_begun_on, selections.first_ended_on)
        else selections.first_begun_on
    end as counts_from,
    0 as days_ahead
from waits
inner join selections on waits.duration = selections.duration
where selections.days is not null
union all
select
    selection_look_backs.look_back,
    0 as days,
    coalesce(selections.survivors_until, selections.first_begun_on) as counts_from,
    selections.days_ahead
from selection_look_backs
inner join selections on selection_look_backs.duration = selections.duration
where selections.survivors_until is not null or selections.days_ahead > 0
union all
select
    'stalled' as look_back,
    cast({{ setting('stalled_after_days') }} as integer) as days,
    cast(null as date) as counts_from,
    0 as days_ahead
union all
select
    'year' as look_back,
    365 as days,
    cast(null as date) as counts_from,
    0 as days_ahead
union all
select
    'churn' as look_back,
    days,
    counts_from,
    0 as days_ahead
from churn
union all
select
    'first purchase' as look_back,
    days,
    counts_from,
    0 as days_ahead
from first_purchases
union all
select
    'churn and year' as look_back,
    365 as days,
    cast(null as date) as counts_from,
    0 as days_ahead
union all
select
    'churn and year' as look_back,
    days + 365 as days,
    counts_from,
    0 as days_ahead
from churn
union all
select
    'first purchase and year' as look_back,
    365 as days,
    cast(null as date) as counts_from,
    0 as days_ahead
union all
select
    'first purchase and year' as look_back,
    days + 365 as days,
    counts_from,
    0 as days_ahead
from first_purchases
