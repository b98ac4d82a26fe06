-- slots() campaigns in every quarter, the first of them by e-mail. Each ends within its quarter.
with

numbered as (
    select i as n, (i - 1) // slots() as quarter_n, (i - 1) % slots() as slot
    from numbers
    where i <= quarter_count() * slots()
),

timed as (
    select
        *,
        case when slot = 0 then 'email'::word else pick_word(['search', 'social', 'event', 'direct', 'referral'],
                                                  ((quarter_n + slot) % 5 + 0.5) / 5) end as channel,
        (first_day() + to_months(3 * quarter_n::integer))::date + floor(12 * u('campaigns.start', n))::integer
            as started_on,
        40 + floor(34 * u('campaigns.length', n))::integer as days
    from numbered
),

-- a budget that follows the number of leads, whatever the size of the company
priced as (
    select *, case when u('campaigns.currency', n) < 0.12 then 'CHF' else 'EUR' end as currency,
        55.0 * n_leads() / (quarter_count() * slots()) * (0.7 + 0.6 * u('campaigns.budget', n)) as budget_euros
    from timed
)

select
    n,
    'K' || n as campaign_id,
    case channel
        when 'email' then 'Newsletter' when 'search' then 'Grüne Gebäude' when 'social' then 'Été connecté'
        when 'event' then 'Messtage' when 'direct' then 'Sensor Pro' else 'Kunden werben Kunden'
    end || ' Q' || quarter(started_on) || ' ' || year(started_on) || case when slot > 5 then ' ' || (slot // 5 + 1) else '' end as name,
    channel,
    started_on,
    started_on + days - 1 as ended_on,
    round(money(budget_euros, currency), -1)::decimal(18, 2) as budget,
    currency,
    days,
    budget_euros
from priced
