with

first_prices as (
    select
        product_id,
        arg_min(cost, currency) as cost,
        min(currency) as currency
    from product_price
    where cost is not null
    group by product_id
)

select
    product.product_id,
    product.name,
    product.category,
    first_prices.cost as unit_cost,
    first_prices.currency
from product
left join first_prices on product.product_id = first_prices.product_id
