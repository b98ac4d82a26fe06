-- Leads: every leads_per_deal()-th one may have led to a deal (deals.lead_n). The others are worked on and dropped, or
-- buy at once, without a deal: twice as many of them since the CRM.
with

numbered as (
    select
        numbers.i as n,
        deals.n as deal_n,
        deals.account_n,
        deals.source as deal_source,
        deals.campaign_id as deal_campaign_id,
        deals.created_at as deal_created_at,
        case when deals.status = 'won' then deals.closed_at end as won_at,
        deals.updated_at as deal_updated_at,
        coalesce(deals.lead_created_at, moment_at_work('leads.created', numbers.i)) as created_at
    from numbers
    left join deals on numbers.i = deals.lead_n
    where numbers.i <= n_leads()
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
            when u('leads.direct', n) < case when created_at >= go_live() then 0.075 else 0.03 end
                then known(add_days(created_at, 8 + 15 * u('leads.direct_days', n)))
        end as converted_at,
        case
            when deal_n is not null then deal_created_at
            when u('leads.qualified', n) < 0.15 then known(add_days(created_at, 8 * u('leads.qualified_days', n)))
        end as qualified_at
    from attributed
),

dropped as (
    select
        *,
        case when deal_n is null and converted_at is null and u('leads.dropped', n) < 0.6
            then known(add_days(coalesce(qualified_at, created_at), 1 + 30 * u('leads.dropped_days', n)))
        end as disqualified_at,
        deal_n is null and converted_at is not null as is_direct
    from judged
)

select
    dropped.n,
    'L' || dropped.n as lead_id,
    dropped.created_at,
    case when u('leads.no_touch', dropped.n) > 0.3
        then greatest(add_days(dropped.created_at, -12 * u('leads.touch', dropped.n)), first_day()::timestamp)
    end as first_touch_at,
    dropped.source,
    dropped.campaign_id,
    case
        when dropped.converted_at is not null then 'converted'::word
        when dropped.disqualified_at is not null then 'disqualified'::word
        when dropped.qualified_at is not null then 'qualified'::word
        when u('leads.new', dropped.n) < 0.3 then 'new'::word
        else 'working'::word
    end as status,
    -- who leads to a deal scores higher, before and after the CRM alike
    case when u('leads.no_score', dropped.n) > 0.08
        then round(60 * u('leads.score', dropped.n) + case when dropped.deal_n is not null then 35 else 10 end)
            ::decimal(18, 0)
    end as score,
    case
        when u('leads.no_email', dropped.n) < 0.06 then null
        when dropped.n > 1 and u('leads.twice', dropped.n) < 0.04 then email_of('leads', dropped.n - 1)
        else email_of('leads', dropped.n)
    end as email,
    company_name(coalesce(dropped.account_n, n_accounts() + dropped.n)) as company_name,
    case when u('leads.no_industry', dropped.n) > 0.1 then industry('leads', dropped.n) end as industry,
    case when u('leads.no_size', dropped.n) > 0.15 then employee_count('leads', dropped.n) end as employee_count,
    pick_word(['DE', 'DE', 'DE', 'DE', 'FR', 'FR', 'AT', 'CH', 'GB', 'US', 'NL', 'IT'], u('leads.country', dropped.n))
        as country,
    case when u('leads.no_owner', dropped.n) > 0.12 then user_on(owners, dropped.created_at::date) end as owner_id,
    dropped.qualified_at,
    dropped.converted_at,
    dropped.disqualified_at,
    case when dropped.disqualified_at is not null
        then pick_word(['no_need', 'no_budget', 'unreachable', 'wrong_contact', 'student'], u('leads.reason', dropped.n))
    end as disqualified_reason,
    case
        when dropped.is_direct then 'A' || base_account(u('leads.account', dropped.n))
        when dropped.deal_n is not null then 'A' || dropped.account_n
    end as account_id,
    case when u('deals.link', dropped.deal_n) < 0.9 then 'D' || dropped.deal_n end as deal_id,
    greatest(dropped.created_at, dropped.qualified_at, dropped.converted_at, dropped.disqualified_at) as updated_at,
    dropped.is_direct
from dropped
inner join users as owners
    on owners.department = case when u('leads.marketing', dropped.n) < 0.3 then 'marketing' else 'sales' end
    and owners.seat = case when u('leads.marketing', dropped.n) < 0.3 then seat('marketing', u('leads.owner', dropped.n))
                           else seat('sales', u('leads.owner', dropped.n)) end
