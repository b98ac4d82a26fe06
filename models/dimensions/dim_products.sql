with

products as (
    select * from {{ ref('stg_products') }}
),

rates as (
    select * from {{ ref('dim_exchange_rates') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

placeholders (product_id) as (
    values ('(none)'), ('(unknown)')
)

select
    products.product_id,
    products.name as product_name,
    coalesce(products.category, '(none)') as category,
    {{ to_reporting_currency('products.unit_cost', 'rates.rate') }} as unit_cost
from products
cross join reporting_window
left join rates
    on
        coalesce(products.currency, '(none)') = rates.currency
        and reporting_window.as_of >= rates.valid_from
        and reporting_window.as_of < rates.valid_until
union all
select
    product_id,
    product_id as product_name,
    product_id as category,
    cast(null as decimal(18, 4)) as unit_cost
from placeholders
