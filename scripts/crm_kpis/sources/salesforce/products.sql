select
    product_id,
    name,
    category
from product
