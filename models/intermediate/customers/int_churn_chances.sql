{#
    The chance that a subscriber leaves, from the months that subscribers of its age and with its signs have gone through by then. Of each
    month the share that left is the rate of the age, times what tickets and e-mails of the last 90 days and the last answer to a
    survey make of it. All of them are drawn towards the average where the months are few. Steps:
    months_by_signs  months gone through and customers lost in them, by age and signs
    age_rates        the share lost in a month, by age
    ticket_factors   customers lost by what their ages let expect, by tickets; satisfaction_factors and email_factors by what all before
                     them let expect
    subscribers      the subscribers of a day by age and signs: those who are alike have the same chances
    months_ahead     the twelve months ahead of each of these groups
#}
{% set ages = churn_ages() %}

with

states as (
    select
        *,
        {{ churn_age('age_months') }} as age_group
    from {{ ref('int_subscriber_states') }}
),

outlook_days as (
    select * from {{ ref('int_outlook_days') }}
),

months_by_day as (
    select
        month_end,
        age_group,
        ticket_level,
        satisfaction_level,
        email_level,
        sum(subscribers) as months,
        sum(case when is_lost then subscribers else 0 end) as lost
    from states
    where not is_outlook
    group by month_end, age_group, ticket_level, satisfaction_level, email_level
),

months_by_signs as (
    select
        outlook_days.outlook_on,
        months_by_day.age_group,
        months_by_day.ticket_level,
        months_by_day.satisfaction_level,
        months_by_day.email_level,
        sum(months_by_day.months) as months,
        sum(months_by_day.lost) as lost
    from outlook_days
    inner join months_by_day on outlook_days.outlook_on >= months_by_day.month_end
    group by
        outlook_days.outlook_on,
        months_by_day.age_group,
        months_by_day.ticket_level,
        months_by_day.satisfaction_level,
        months_by_day.email_level
),

totals as (
    select
        outlook_on,
        sum(months) as months,
        sum(lost) as lost,
        cast(sum(lost) as double) / sum(months) as rate
    from months_by_signs
    group by outlook_on
),

ages (age_group) as (
    values
    {% for age in ages %}
    ({{ age }}){{ ',' if not loop.last }}
    {% endfor %}

),

-- Fewer than five losses say nothing. Ten months at the average rate are added to each age.
age_rates as (
    select
        totals.outlook_on,
        ages.age_group,
        (coalesce(sum(months_by_signs.lost), 0) + 10 * totals.rate) / (coalesce(sum(months_by_signs.months), 0) + 10) as rate
    from totals
    cross join ages
    left join months_by_signs
        on totals.outlook_on = months_by_signs.outlook_on and ages.age_group = months_by_signs.age_group
    where totals.lost >= 5
    group by totals.outlook_on, totals.rate, ages.age_group
),

ticket_factors as (
    select
        months_by_signs.outlook_on,
        months_by_signs.ticket_level,
        (sum(months_by_signs.lost) + 5) / (
            cast(sum(cast(months_by_signs.months * age_rates.rate as decimal(28, 8))) as double) + 5
        ) as factor
    from months_by_signs
    inner join age_rates
        on months_by_signs.outlook_on = age_rates.outlook_on and months_by_signs.age_group = age_rates.age_group
    group by months_by_signs.outlook_on, months_by_signs.ticket_level
),

satisfaction_factors as (
    select
        months_by_signs.outlook_on,
        months_by_signs.satisfaction_level,
        (sum(months_by_signs.lost) + 5) / (
            cast(sum(cast(months_by_signs.months * age_rates.rate * ticket_factors.factor as decimal(28, 8))) as double) + 5
        ) as factor
    from months_by_signs
    inner join age_rates
        on months_by_signs.outlook_on = age_rates.outlook_on and months_by_signs.age_group = age_rates.age_group
    inner join ticket_factors
        on months_by_signs.outlook_on = ticket_factors.outlook_on and months_by_signs.ticket_level = ticket_factors.ticket_level
    group by months_by_signs.outlook_on, months_by_signs.satisfaction_level
),

email_factors as (
    select
        months_by_signs.outlook_on,
        months_by_signs.email_level,
        (sum(months_by_signs.lost) + 5) / (
            cast(
                sum(cast(
                    months_by_signs.months * age_rates.rate * ticket_factors.factor * satisfaction_factors.factor as decimal(28, 8)
                )) as double
            ) + 5
        ) as factor
    from months_by_signs
    inner join age_rates
        on months_by_signs.outlook_on = age_rates.outlook_on and months_by_signs.age_group = age_rates.age_group
    inner join ticket_factors
        on months_by_signs.outlook_on = ticket_factors.outlook_on and months_by_signs.ticket_level = ticket_factors.ticket_level
    inner join satisfaction_factors
        on
            months_by_signs.outlook_on = satisfaction_factors.outlook_on
            and months_by_signs.satisfaction_level = satisfaction_factors.satisfaction_level
    group by months_by_signs.outlook_on, months_by_signs.email_level
),

subscribers as (
    select distinct
        state_on as outlook_on,
        age_months,
        ticket_level,
        satisfaction_level,
        email_level
    from states
    where is_outlook
),

months_ahead as (
    {% for month in range(12) %}
    select
        outlook_on,
        age_months,
        ticket_level,
        satisfaction_level,
        email_level,
        {{ month }} as month_number,
        {{ churn_age('age_months + ' ~ month) }} as age_group
    from subscribers
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A level that no month before has shown changes nothing.
stays as (
    select
        months_ahead.outlook_on,
        months_ahead.age_months,
        months_ahead.ticket_level,
        months_ahead.satisfaction_level,
        months_ahead.email_level,
        months_ahead.month_number,
        ln(1 - least(
            age_rates.rate * coalesce(ticket_factors.factor, 1) * coalesce(satisfaction_factors.factor, 1)
            * coalesce(email_factors.factor, 1),
            0.99
        )) as log_stay
    from months_ahead
    inner join age_rates
        on months_ahead.outlook_on = age_rates.outlook_on and months_ahead.age_group = age_rates.age_group
    left join ticket_factors
        on months_ahead.outlook_on = ticket_factors.outlook_on and months_ahead.ticket_level = ticket_factors.ticket_level
    left join satisfaction_factors
        on
            months_ahead.outlook_on = satisfaction_factors.outlook_on
            and months_ahead.satisfaction_level = satisfaction_factors.satisfaction_level
    left join email_factors
        on months_ahead.outlook_on = email_factors.outlook_on and months_ahead.email_level = email_factors.email_level
),

stays_so_far as (
    select
        *,
        exp(sum(log_stay) over (
            partition by outlook_on, age_months, ticket_level, satisfaction_level, email_level
            order by month_number rows between unbounded preceding and current row
        )) as stay_chance
    from stays
),

chances as (
    select
        outlook_on,
        age_months,
        ticket_level,
        satisfaction_level,
        email_level,
        1 - min(case when month_number < 3 then stay_chance end) as churn_chance_90_days,
        1 - min(stay_chance) as churn_chance_365_days,
        cast(sum(cast(stay_chance as decimal(18, 12))) as double) as expected_months
    from stays_so_far
    group by outlook_on, age_months, ticket_level, satisfaction_level, email_level
)

select
    chances.outlook_on,
    states.account_id,
    chances.churn_chance_90_days,
    chances.churn_chance_365_days,
    chances.expected_months
from states
inner join chances
    on
        states.state_on = chances.outlook_on
        and states.age_months = chances.age_months
        and states.ticket_level = chances.ticket_level
        and states.satisfaction_level = chances.satisfaction_level
        and states.email_level = chances.email_level
where states.is_outlook
