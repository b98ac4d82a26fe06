-- Leads, made from what becomes of them.
with

assigned as (
    select
        *,
        case when u('leads.marketing', n) < 0.3 then 'marketing' else 'sales' end as department,
        -- 4 % were entered twice: they have the e-mail of the one before
        case when n > 1 and u('leads.twice', n) < 0.04 then n - 1 else n end as email_n
    from lead_outcomes
)

select
    assigned.n,
    'L' || assigned.n as lead_id,
    assigned.created_at,
    case when u('leads.no_touch', assigned.n) > 0.3
        then greatest(add_days(assigned.created_at, -12 * u('leads.touch', assigned.n)), first_day()::timestamp)
    end as first_touch_at,
    assigned.source,
    assigned.campaign_id,
    case
        when assigned.converted_at is not null then 'converted'::word
        when assigned.disqualified_at is not null then 'disqualified'::word
        when assigned.qualified_at is not null then 'qualified'::word
        when u('leads.new', assigned.n) < 0.3 then 'new'::word
        else 'working'::word
    end as status,
    -- who leads to a deal scores higher, before and after the CRM alike
    case when u('leads.no_score', assigned.n) > 0.08
        then round(60 * u('leads.score', assigned.n) + case when assigned.deal_n is not null then 35 else 10 end)
            ::decimal(18, 0)
    end as score,
    case when u('leads.no_email', assigned.n) >= 0.06 then email_of('leads', assigned.email_n) end as email,
    company_name(case when assigned.deal_n is not null then assigned.account_n else n_accounts() + assigned.n end)
        as company_name,
    case when u('leads.no_industry', assigned.n) > 0.1 then industry('leads', assigned.n) end as industry,
    case when u('leads.no_size', assigned.n) > 0.15 then employee_count('leads', assigned.n) end as employee_count,
    pick_word(['DE', 'DE', 'DE', 'DE', 'FR', 'FR', 'AT', 'CH', 'GB', 'US', 'NL', 'IT'], u('leads.country', assigned.n))
        as country,
    case when u('leads.no_owner', assigned.n) > 0.12 then user_on(owners, assigned.created_at::date) end as owner_id,
    assigned.qualified_at,
    assigned.converted_at,
    assigned.disqualified_at,
    case when assigned.disqualified_at is not null
        then pick_word(['no_need', 'no_budget', 'unreachable', 'wrong_contact', 'student'], u('leads.reason', assigned.n))
    end as disqualified_reason,
    'A' || assigned.account_n as account_id,
    case when u('deals.link', assigned.deal_n) < 0.9 then 'D' || assigned.deal_n end as deal_id,
    greatest(assigned.created_at, assigned.qualified_at, assigned.converted_at, assigned.disqualified_at) as updated_at
from assigned
inner join users as owners
    on assigned.department = owners.department
    and seat_on(assigned.department, u('leads.owner', assigned.n), assigned.created_at, u('leads.mix', assigned.n)) = owners.seat
