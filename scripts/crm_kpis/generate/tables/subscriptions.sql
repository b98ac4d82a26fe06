-- Every customer of before the data, and nearly every account from its first won deal on. How long one stays depends
-- neither on the CRM nor on the time that has passed (an exponential distribution), so churn stays where it was. A third
-- of those who leave wait for the end of the year. A quarter come back.
with

first_wins as (
    select account_n, min(closed_at) as won_at
    from deals
    where status = 'won' and account_id is not null and account_n > n_base_accounts()
    group by account_n
),

starts as (
    select
        n as account_n,
        first_day() - 190 + floor(185 * u('subscriptions.start', n))::integer as started_on,
        -- customers that left before the data begin are not in them
        first_day() as known_from
    from accounts
    where is_base
    union all
    select account_n, won_at::date as started_on, won_at::date as known_from
    from first_wins
    where u('subscriptions.none', account_n) > 0.04
),

endings as (
    select
        account_n, started_on,
        known_from + 1 + floor(-1500 * ln(1 - u('subscriptions.stay', account_n)))::integer as ends_on
    from starts
),

stays as (
    select
        account_n, 0 as visit, started_on,
        case when u('subscriptions.at_year_end', account_n) < 0.3 then (date_trunc('year', ends_on) + interval 1 year)::date
            else ends_on
        end as ends_on
    from endings
),

returns as (
    select
        account_n, 1 as visit,
        ends_on + 50 + floor(200 * u('subscriptions.away', account_n))::integer as started_on,
        ends_on + 300 + floor(-1500 * ln(1 - u('subscriptions.second_stay', account_n)))::integer as ends_on
    from stays
    where u('subscriptions.back', account_n) < 0.25
),

runs as (
    select account_n, visit, started_on, ends_on, account_n * 2 + visit as n from stays
    union all
    select account_n, visit, started_on, ends_on, account_n * 2 + visit as n from returns
)

select
    runs.n,
    'B' || runs.n as subscription_id,
    accounts.account_id,
    runs.started_on,
    -- an end within the next quarter is known already, as notice was given
    case when runs.ends_on < end_at()::date + 90 then runs.ends_on end as ended_on,
    money(products.list_price * (0.5 + 3 * skewed(u('subscriptions.seats', runs.n))), accounts.currency) as monthly_amount,
    accounts.currency,
    products.product_id
from runs
inner join accounts on runs.account_n = accounts.n
-- software only: products 3, 4 and 7
inner join products on pick([3, 3, 4, 7], u('subscriptions.product', runs.n)) = products.n
where runs.started_on < end_at()::date
