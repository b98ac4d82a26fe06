-- Sessions of visitors: more on working days and in spring and autumn. Some belong to a lead (some come back), a few to
-- a customer.
with

numbered as (
    select
        i as n,
        case when u('web_sessions.lead', i) < 0.3 then 1 + floor(n_leads() * u('web_sessions.lead_n', i))::bigint end
            as lead_n,
        week_at(visit_weeks(), u('web_sessions.when', i)) as week,
        to_seconds(floor(86399 * (u('web_sessions.hour', i) + u('web_sessions.minute', i)) / 2)::bigint) as time_of_day
    from numbers
    where i <= n_sessions()
),

seasonal as (
    select
        *,
        first_monday()::date + 7 * (week::integer - 1)
            + pick([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6], u('web_sessions.weekday', n)) as day
    from numbered
),

timed as (
    select
        seasonal.n,
        seasonal.lead_n,
        case
            when leads.n is not null
                then greatest(
                    add_days(leads.created_at, 12 * u('web_sessions.lead_when', seasonal.n) - 10), first_day()::timestamp)
            else seasonal.day + seasonal.time_of_day
        end as started_at,
        leads.campaign_id as lead_campaign_id,
        leads.source as lead_source
    from seasonal
    left join lead_outcomes as leads on seasonal.lead_n = leads.n
)

select
    timed.n,
    'S' || timed.n as session_id,
    case
        when timed.lead_n is not null then 'VL' || timed.lead_n
        else 'V' || ranked(n_sessions() // 2, u('web_sessions.visitor', timed.n))
    end as visitor_id,
    timed.started_at,
    case
        when u('web_sessions.no_channel', timed.n) < 0.05 then null
        when timed.lead_n is not null then coalesce(timed.lead_source, 'direct'::word)
        else coalesce(case when u('web_sessions.by_campaign', timed.n) < 0.4 then campaigns.channel end,
                      pick_word(['direct', 'search', 'search', 'social', 'website'], u('web_sessions.channel', timed.n)))
    end as channel,
    case
        when timed.lead_n is not null then timed.lead_campaign_id
        when u('web_sessions.by_campaign', timed.n) < 0.4 then campaigns.campaign_id
    end as campaign_id,
    1 + floor(12 * pow(u('web_sessions.pages', timed.n), 2))::integer as page_views,
    'L' || timed.lead_n as lead_id,
    case when timed.lead_n is null and u('web_sessions.customer', timed.n) < 0.05
        then 'A' || base_account(u('web_sessions.account', timed.n))
    end as account_id
from timed
left join campaigns
    on campaign_on(timed.started_at, u('web_sessions.campaign', timed.n)) = campaigns.n
    and timed.started_at::date between campaigns.started_on and campaigns.ended_on
where timed.started_at < end_at()
