-- What the company sells: measuring devices, the software behind them, and services. list_price is in EUR.
with

catalogue(n, name, category, unit_cost, list_price) as (
    values
    (1, 'Sensor Basic', 'hardware', 38.50, 90.0), (2, 'Sensor Pro', 'hardware', 94.00, 210.0),
    (3, 'Cloud Monitoring', 'software', 12.00, 140.0), (4, 'Analytics', 'software', 20.00, 260.0),
    (5, 'Gateway', 'hardware', 160.00, 340.0), (6, 'Installation', 'services', 410.00, 700.0),
    (7, 'API Access', 'software', 8.00, 120.0), (8, 'Training', 'services', 300.00, 550.0)
)

select
    n::bigint as n,
    'P' || n as product_id,
    name,
    category,
    unit_cost::decimal(18, 2) as unit_cost,
    'EUR' as currency,
    list_price::double as list_price
from catalogue
