-- A rate a month and currency, from a year before the data begin, because subscriptions are older than the rest.
-- Rates wobble by up to 3 % around a fixed mean.
with

currencies(currency_n, currency) as (values (1, 'USD'), (2, 'CHF'), (3, 'GBP')),

monthly as (
    select currency_n * 1000 + month_n as n, currency, (first_day() + to_months(month_n::integer - 12))::date as valid_from
    from currencies, range(12 + 3 * quarter_count()) as months(month_n)
)

select n, currency, valid_from, round(mean_rate(currency) * (0.97 + 0.06 * u('rates', n)), 5)::decimal(18, 5) as rate
from monthly
union all
select 0 as n, 'EUR' as currency, (first_day() - interval 1 year)::date as valid_from, 1::decimal(18, 5) as rate
