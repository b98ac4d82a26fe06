-- What becomes of the leads, which other tables read: every leads_per_deal()-th one may have led to a deal (deals.lead_n).
-- The others are worked on and dropped, or buy at once, without a deal: twice as many of them since the CRM. Some come in
-- clumps, as from a fair.
with

drawn as (
    select i as n, u('leads.created', clump_of('leads', i, 5, 0.15)) as week_share
    from numbers
    where i <= n_leads()
),

numbered as (
    select
        drawn.n,
        deals.n as deal_n,
        deals.account_n,
        deals.source as deal_source,
        deals.campaign_id as deal_campaign_id,
        deals.created_at as deal_created_at,
        case when deals.status = 'won' then deals.closed_at end as won_at,
        deals.updated_at as deal_updated_at,
        coalesce(
            deals.lead_created_at,
            moment_in_week(week_at(demand_weeks(), drawn.week_share), 'leads.created', drawn.n)
        ) as created_at
    from drawn
    left join deals on drawn.n = deals.lead_n
),

attributed as (
    select
        numbered.*,
        case
            when numbered.deal_n is not null then numbered.deal_campaign_id
            when u('leads.by_campaign', numbered.n) < 0.6 then campaigns.campaign_id
        end as campaign_id,
        case
            when numbered.deal_n is not null then numbered.deal_source
            when u('leads.no_source', numbered.n) < 0.03 then null
            when u('leads.by_campaign', numbered.n) < 0.6 and campaigns.n is not null then campaigns.channel
            else pick_word(['website', 'website', 'website', 'website', 'referral', 'referral', 'partner', 'cold_call',
                            'search', 'social'], u('leads.source', numbered.n))
        end as source
    from numbered
    left join campaigns
        on campaign_on(numbered.created_at, u('leads.campaign', numbered.n)) = campaigns.n
        and numbered.created_at::date between campaigns.started_on and campaigns.ended_on
),

judged as (
    select
        *,
        case
            when deal_n is not null then won_at
            when u('leads.direct', n) < swung(since_crm(created_at, 0.03, 0.075), swing(convert_swings(), created_at))
                then known(add_days(created_at, 8 + 15 * u('leads.direct_days', n)))
        end as converted_at,
        case
            when deal_n is not null then deal_created_at
            when u('leads.qualified', n) < swung(0.15, swing(qualify_swings(), created_at))
                then known(add_days(created_at, 8 * u('leads.qualified_days', n)))
        end as qualified_at
    from attributed
)

select
    n,
    created_at,
    source,
    campaign_id,
    qualified_at,
    converted_at,
    case when deal_n is null and converted_at is null and u('leads.dropped', n) < 0.6
        then known(add_days(coalesce(qualified_at, created_at), 1 + 30 * u('leads.dropped_days', n)))
    end as disqualified_at,
    deal_n is null and converted_at is not null as is_direct,
    case when deal_n is null and converted_at is not null then base_account(u('leads.account', n)) else account_n end
        as account_n,
    deal_n
from judged
