-- One row per customer and the product that it is likeliest to buy next, the surest first; the first 200. `found` says how many there are.
with

first_products as (
    select
        *,
        count(*) over () as found
    from marts.next_products
    where rank = 1
)

select
    found,
    account_id,
    product_id as product,
    later_share,
    customers_later,
    customers_who_could,
    reasons_en,
    reasons_de
from first_products
order by later_share_low desc, account_id
limit 200
