select
    product_id,
    name,
    unit_cost
from product
