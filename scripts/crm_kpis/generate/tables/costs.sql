-- Monthly costs, and what was spent on keeping single customers.
with

kinds(kind, purpose, cost_type, euros_a_deal) as (
    values (0, 'acquisition', 'personnel', 7.0), (1, 'acquisition', 'production', 1.8),
    (2, 'acquisition', 'overhead', 1.2), (3, 'acquisition', 'tools', 0.6), (4, 'retention', 'personnel', 3.6),
    (5, 'retention', 'loyalty', 1.5), (6, 'other', 'rent', 2.4)
),

months as (
    select kinds.*, month_n, (month_n * 8 + kind) * 2 as n
    from kinds, range(3 * quarter_count()) as numbers(month_n)
),

monthly as (
    select
        n,
        (first_day() + to_months(month_n::integer))::date + floor(27 * u('costs.day', n))::integer as incurred_on,
        purpose,
        cost_type,
        n_deals() * euros_a_deal * (0.8 + 0.4 * u('costs.amount', n)) as euros,
        null as account_id
    from months
),

single as (
    select
        i * 2 + 1 as n,
        moment_at_work(support_weeks(), 'costs.single', i)::date as incurred_on,
        'retention' as purpose,
        pick(['loyalty', 'visit', 'goodwill'], u('costs.type', i)) as cost_type,
        250 * skewed(u('costs.single_amount', i)) as euros,
        'A' || base_account(u('costs.account', i)) as account_id
    from numbers
    where i <= n_single_costs()
),

both_kinds as (
    select n, incurred_on, purpose, cost_type, euros, account_id from monthly
    union all
    select n, incurred_on, purpose, cost_type, euros, account_id from single
),

priced as (
    select *, case when u('costs.currency', n) < 0.08 then 'CHF' else 'EUR' end as currency
    from both_kinds
)

select n, 'X' || n as cost_id, incurred_on, purpose, cost_type, money(euros, currency) as amount, currency, account_id
from priced
