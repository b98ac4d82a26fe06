-- What a campaign cost and reached on a day: less on weekends. The CRM leaves click and engagement rates alone.
with

daily as (
    select
        campaigns.n * 100 + day_n as n,
        campaigns.campaign_id,
        campaigns.channel,
        campaigns.currency,
        campaigns.budget_euros / campaigns.days as euros_a_day,
        campaigns.started_on + day_n::integer as day
    from campaigns, range(75) as days(day_n)
    where day_n < campaigns.days
),

spent as (
    select *,
        euros_a_day * case when isodow(day) < 6 then 1.2 else 0.5 end * (0.6 + 0.7 * u('campaign_days.cost', n))
            as euros
    from daily
),

reached as (
    select *,
        floor(20 + euros * case channel when 'event' then 3 when 'social' then 45 else 25 end)::integer as impressions
    from spent
)

select
    n,
    campaign_id,
    day,
    money(euros, currency) as cost,
    currency,
    impressions,
    floor(impressions * 0.05 * u('campaign_days.clicks', n) * swing(click_swings(), day))::integer as clicks,
    floor(impressions * 0.03 * u('campaign_days.engagements', n) * swing(click_swings(), day))::integer as engagements
from reached
