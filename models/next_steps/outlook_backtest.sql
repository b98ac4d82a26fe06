{#
    Steps:
    chances    what was said of each customer on an earlier day, for each number of days that are over
    outcomes   whether it came true
    ranks      for the AUC: the place of each chance among those of its day, ties sharing theirs
    groups     ten groups of equal size by chance, and all of them
#}
-- noqa: disable=references.keywords
with

outlook_days as (
    select * from {{ ref('int_outlook_days') }}
),

purchase_chances as (
    select * from {{ ref('int_purchase_chances') }}
),

customer_risks as (
    select * from {{ ref('int_customer_risks') }}
),

purchase_days as (
    select * from {{ ref('int_purchase_days') }}
),

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

chances as (
    {% for days in [30, 90, 365] %}
    select
        'purchase' as event,
        {{ days }} as horizon_days,
        outlook_on,
        account_id,
        purchase_chance_{{ days }}_days as chance
    from purchase_chances
    union all
    {% endfor %}
    {% for days in [90, 365] %}
    select
        'churn' as event,
        {{ days }} as horizon_days,
        outlook_on,
        account_id,
        churn_chance_{{ days }}_days as chance
    from customer_risks
    where is_subscribed
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- Only days whose time is over can be judged. Chances that differ by less than a DOUBLE can tell are a tie on all engines.
judged_chances as (
    select
        chances.*,
        cast(chances.chance as decimal(12, 9)) as tied_chance
    from chances
    inner join outlook_days on chances.outlook_on = outlook_days.outlook_on
    where outlook_days.days_back >= chances.horizon_days and chances.chance is not null
),

next_purchases as (
    select
        outlook_days.outlook_on,
        purchase_days.account_id,
        min(purchase_days.purchased_on) as purchased_on
    from outlook_days
    inner join purchase_days on outlook_days.outlook_on < purchase_days.purchased_on
    group by outlook_days.outlook_on, purchase_days.account_id
),

next_ends as (
    select
        outlook_days.outlook_on,
        intervals.account_id,
        min(intervals.active_until) as ended_on
    from outlook_days
    inner join intervals
        on outlook_days.outlook_on >= intervals.active_from and outlook_days.outlook_on < intervals.active_until
    where intervals.has_subscription
    group by outlook_days.outlook_on, intervals.account_id
),

outcomes as (
    select
        judged_chances.*,
        case
            when
                judged_chances.event = 'purchase'
                and next_purchases.purchased_on <= {{ add_days('judged_chances.outlook_on', 'judged_chances.horizon_days') }}
                then 1
            when
                judged_chances.event = 'churn'
                and next_ends.ended_on <= {{ add_days('judged_chances.outlook_on', 'judged_chances.horizon_days') }}
                then 1
            else 0
        end as happened
    from judged_chances
    left join next_purchases
        on judged_chances.outlook_on = next_purchases.outlook_on and judged_chances.account_id = next_purchases.account_id
    left join next_ends
        on judged_chances.outlook_on = next_ends.outlook_on and judged_chances.account_id = next_ends.account_id
),

ranks as (
    select
        *,
        rank() over (partition by event, horizon_days, outlook_on order by tied_chance)
        + (count(*) over (partition by event, horizon_days, outlook_on, tied_chance) - 1) / 2.0 as chance_rank,
        row_number() over (partition by event, horizon_days, outlook_on order by tied_chance, account_id) as place,
        count(*) over (partition by event, horizon_days, outlook_on) as customers,
        cast(sum(happened) over (partition by event, horizon_days, outlook_on) as double)
        / count(*) over (partition by event, horizon_days, outlook_on) as base_rate
    from outcomes
),

groups as (
    select
        event,
        horizon_days,
        outlook_on,
        0 as chance_group,
        chance,
        happened,
        base_rate,
        chance_rank
    from ranks
    union all
    select
        event,
        horizon_days,
        outlook_on,
        cast(floor((place - 1) * 10.0 / customers) as integer) + 1 as chance_group,
        chance,
        happened,
        base_rate,
        cast(null as double) as chance_rank
    from ranks
),

-- Decimals, whose sums are the same in any order.
sums as (
    select
        event,
        horizon_days,
        outlook_on,
        chance_group,
        base_rate,
        count(*) as customers,
        cast(sum(cast(chance as decimal(18, 12))) as double) as expected,
        sum(happened) as actual,
        cast(sum(cast((chance - happened) * (chance - happened) as decimal(18, 12))) as double) as squares,
        cast(sum(cast((base_rate - happened) * (base_rate - happened) as decimal(18, 12))) as double) as base_squares,
        cast(sum(case when happened = 1 then cast(chance_rank as decimal(18, 1)) end) as double) as happened_ranks
    from groups
    group by event, horizon_days, outlook_on, chance_group, base_rate
)

select
    -- ids
    event,
    cast(horizon_days as bigint) as horizon_days,
    outlook_on,
    cast(chance_group as bigint) as chance_group,

    -- numerics
    customers,
    expected as expected_customers,
    cast(actual as bigint) as actual_customers,
    expected / nullif(cast(actual as double), 0) as expected_to_actual,
    squares / customers as brier_score,
    base_squares / customers as base_brier_score,
    case
        when chance_group = 0
            then (happened_ranks - actual * (actual + 1) / 2.0) / nullif(actual * (customers - actual), 0)
    end as area_under_curve
from sums
