{#
    Steps:
    chances    what was said of each customer on an earlier day, for each number of days that are over
    outcomes   whether it came true
    ties       for the AUC: the place of each chance among those of its day, which equal ones share
    groups     ten groups of equal size by chance; groups_and_total, and all of them as group 0
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

placed_outcomes as (
    select
        *,
        row_number() over (partition by event, horizon_days, outlook_on order by tied_chance, account_id) as place
    from outcomes
),

totals as (
    select
        event,
        horizon_days,
        outlook_on,
        count(*) as customers,
        cast(sum(happened) as double) / count(*) as base_rate
    from placed_outcomes
    group by event, horizon_days, outlook_on
),

ties as (
    select
        event,
        horizon_days,
        outlook_on,
        tied_chance,
        sum(happened) as happened,
        (min(place) + max(place)) / 2.0 as chance_rank
    from placed_outcomes
    group by event, horizon_days, outlook_on, tied_chance
),

rank_sums as (
    select
        event,
        horizon_days,
        outlook_on,
        cast(sum(cast(happened * chance_rank as decimal(18, 1))) as double) as happened_ranks
    from ties
    group by event, horizon_days, outlook_on
),

outcomes_in_groups as (
    select
        placed_outcomes.event,
        placed_outcomes.horizon_days,
        placed_outcomes.outlook_on,
        cast(floor((placed_outcomes.place - 1) * 10.0 / totals.customers) as integer) + 1 as chance_group,
        placed_outcomes.happened,
        placed_outcomes.chance,
        placed_outcomes.chance - placed_outcomes.happened as error,
        totals.base_rate - placed_outcomes.happened as base_error
    from placed_outcomes
    inner join totals
        on
            placed_outcomes.event = totals.event
            and placed_outcomes.horizon_days = totals.horizon_days
            and placed_outcomes.outlook_on = totals.outlook_on
),

-- Decimals, whose sums are the same in any order.
groups as (
    select
        event,
        horizon_days,
        outlook_on,
        chance_group,
        count(*) as customers,
        sum(cast(chance as decimal(18, 12))) as expected,
        sum(happened) as actual,
        sum(cast(error * error as decimal(18, 12))) as squares,
        sum(cast(base_error * base_error as decimal(18, 12))) as base_squares
    from outcomes_in_groups
    group by event, horizon_days, outlook_on, chance_group
),

groups_and_total as (
    select
        event,
        horizon_days,
        outlook_on,
        chance_group,
        customers,
        expected,
        actual,
        squares,
        base_squares
    from groups
    union all
    select
        event,
        horizon_days,
        outlook_on,
        0 as chance_group,
        cast(sum(customers) as bigint) as customers,
        sum(expected) as expected,
        sum(actual) as actual,
        sum(squares) as squares,
        sum(base_squares) as base_squares
    from groups
    group by event, horizon_days, outlook_on
),

sums as (
    select
        groups_and_total.event,
        groups_and_total.horizon_days,
        groups_and_total.outlook_on,
        groups_and_total.chance_group,
        groups_and_total.customers,
        cast(groups_and_total.expected as double) as expected,
        groups_and_total.actual,
        cast(groups_and_total.squares as double) as squares,
        cast(groups_and_total.base_squares as double) as base_squares,
        rank_sums.happened_ranks
    from groups_and_total
    left join rank_sums
        on
            groups_and_total.event = rank_sums.event
            and groups_and_total.horizon_days = rank_sums.horizon_days
            and groups_and_total.outlook_on = rank_sums.outlook_on
            and groups_and_total.chance_group = 0
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
    (happened_ranks - actual * (actual + 1) / 2.0) / nullif(actual * (customers - actual), 0) as area_under_curve
from sums
