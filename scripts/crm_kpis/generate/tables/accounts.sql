-- Companies. The first n_base_accounts() are customers from before the data begin, the others come in order of number.
with

places(place_n, country, region, city, currency) as (
    values
    (0, 'DE', 'Nord', 'Hamburg', 'EUR'), (1, 'DE', 'Ost', 'Berlin', 'EUR'), (2, 'DE', 'Ost', 'Leipzig', 'EUR'),
    (3, 'DE', 'Süd', 'München', 'EUR'), (4, 'DE', 'Süd', 'Stuttgart', 'EUR'), (5, 'DE', 'West', 'Köln', 'EUR'),
    (6, 'DE', 'West', 'Düsseldorf', 'EUR'), (7, 'FR', 'Île-de-France', 'Paris', 'EUR'),
    (8, 'FR', 'Auvergne-Rhône-Alpes', 'Saint-Étienne', 'EUR'), (9, 'FR', 'Grand Est', 'Strasbourg', 'EUR'),
    (10, 'AT', 'Wien', 'Wien', 'EUR'), (11, 'AT', 'Kärnten', 'Klagenfurt', 'EUR'), (12, 'CH', 'Zürich', 'Zürich', 'CHF'),
    (13, 'CH', 'Genève', 'Genève', 'CHF'), (14, 'GB', 'England', 'Leeds', 'GBP'), (15, 'GB', 'Scotland', 'Glasgow', 'GBP'),
    (16, 'US', 'Northeast', 'Boston', 'USD'), (17, 'NL', 'Utrecht', 'Utrecht', 'EUR'),
    (18, 'IT', 'Lombardia', 'Milano', 'EUR'), (19, 'IT', 'Alto Adige', 'Bozen', 'EUR')
),

numbered as (
    select
        i as n,
        i <= n_base_accounts() as is_base,
        floor(20 * u('accounts.place', i))::integer as place_n,
        employee_count('accounts', i) as employee_count
    from numbers
    where i <= n_accounts()
),

appeared as (
    select
        *,
        (case
            when is_base then first_day() - 380 + floor(180 * u('accounts.created', n))::integer
            else first_day()
                + floor(day_count() * (n - n_base_accounts() - 1) / (n_accounts() - n_base_accounts())::double)::integer
        end) + to_seconds(23000 + floor(3600 * u('accounts.time', n))::bigint) as created_at
    from numbered
)

select
    appeared.n,
    'A' || appeared.n as account_id,
    company_name(appeared.n) as name,
    case when u('accounts.no_industry', appeared.n) > 0.03 then industry('accounts', appeared.n) end as industry,
    case when u('accounts.no_size', appeared.n) > 0.06 then appeared.employee_count end as employee_count,
    case when u('accounts.no_revenue', appeared.n) > 0.2
        then (round(appeared.employee_count * (60 + 160 * u('accounts.revenue', appeared.n))) * 1000)::decimal(18, 2)
    end as annual_revenue,
    places.country,
    places.region,
    places.city,
    case when u('accounts.no_owner', appeared.n) > 0.03 then user_on(owners, appeared.created_at::date) end as owner_id,
    appeared.created_at,
    least(add_days(appeared.created_at, 400 * u('accounts.updated', appeared.n)), timestamp '2026-06-30 18:00:00')
        as updated_at,
    places.currency::word as currency,
    appeared.is_base
from appeared
inner join places on appeared.place_n = places.place_n
inner join users as owners on owners.department = 'sales' and owners.seat = seat('sales', u('accounts.owner', appeared.n))
