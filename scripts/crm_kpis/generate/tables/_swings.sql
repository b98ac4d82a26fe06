-- How the company differs from week to week: a factor per week for each thing that swings. A factor is a season, a drift
-- and weeks that resemble the week before (correlation 0.7), on the scale of logarithms; 1 is no swing. Of a share the
-- factor is that of its odds. Another seed makes other seasons, drifts and weeks, each as likely up as down.
with

swings(name, week_sd, season, drift) as (
    values
    ('win', 0.15, 0.10, 0.03), ('pace', 0.15, 0.08, 0.03), ('price', 0.12, 0.05, 0.03), ('qualify', 0.15, 0.10, 0.03),
    ('convert', 0.15, 0.10, 0.03), ('response', 0.15, 0.10, 0.03), ('resolution', 0.15, 0.10, 0.03), ('reopen', 0.15, 0.10, 0.03),
    ('satisfaction', 0.15, 0.10, 0.03), ('promoter', 0.15, 0.10, 0.03), ('open', 0.15, 0.08, 0.03), ('click', 0.15, 0.08, 0.03),
    ('automation', 0.15, 0.05, 0.03), ('delay', 0.10, 0.05, 0.03), ('demand', 0.15, 0, 0), ('visit', 0.15, 0, 0),
    ('support', 0.15, 0, 0)
),

-- nearly normal, with mean 0 and variance 1; the weeks before the first one are what it resembles
shocks as (
    select
        name,
        week,
        2 * (u(name || '.shock.1', week + 20) + u(name || '.shock.2', week + 20) + u(name || '.shock.3', week + 20)) - 3 as shock
    from swings, range(-19, week_count() + 1) as weeks(week)
),

likenesses as (
    select name, shocks.week + lag as week, sqrt(1 - 0.7 * 0.7) * sum(pow(0.7, lag) * shock order by lag) as likeness
    from shocks, range(20) as lags(lag)
    where shocks.week + lag between 1 and week_count()
    group by name, shocks.week + lag
),

swinging as (
    select
        swings.name,
        likenesses.week,
        (first_monday() + to_days(7 * (likenesses.week::integer - 1)))::date as monday,
        swing_size() * (
            swings.week_sd * likenesses.likeness
            + swings.season * sin(2 * pi() * (likenesses.week / 52.18 + u(swings.name || '.season', 0)))
            + swings.drift * (2 * u(swings.name || '.drift', 0) - 1) * (likenesses.week - week_count() / 2) / 52.18
        ) as swing
    from swings
    inner join likenesses on swings.name = likenesses.name
),

-- How much there is to do in a week. The company grows by 3 % a year; everything is slow in August and at the end of
-- the year; sensors fail in the cold.
busyness as (
    select
        name,
        week,
        case when week between 2 and week_count() - 1
            then exp(swing + swing_size() * 0.03 * week / 52.18)
                * case when swing_size() = 0 then 1
                    when name = 'support'
                        then [1.2, 1.15, 1.05, 1.0, 0.95, 0.95, 0.9, 0.85, 0.95, 1.05, 1.1, 0.95][month(monday + 3)]
                    else [0.95, 1.05, 1.15, 1.05, 1.05, 1.0, 0.85, 0.7, 1.15, 1.15, 1.1, 0.75][month(monday + 3)]
                end
            else 0
        end as weight
    from swinging
    where name in ('demand', 'visit', 'support')
),

cumulated as (
    select
        name,
        week,
        weight / sum(weight) over (partition by name) as share,
        sum(weight) over (partition by name order by week) / sum(weight) over (partition by name) as share_until
    from busyness
),

quantiles as (
    select name, step, max(week + 1 - greatest(share_until - step / 520.0, 0) / share) as week
    from cumulated, range(521) as steps(step)
    where share > 0 and share_until - share <= step / 520.0
    group by name, step
)

select name || '_swings' as name, list(exp(swing) order by week) as factors
from swinging
where name not in ('demand', 'visit', 'support')
group by name
union all
select name || '_weeks' as name, list(least(week, week_count() - 0.001) order by step) as factors
from quantiles
group by name
