select
    customer_id as account_id,
    coalesce(name, email) as name,
    country,
    city,
    created_at
from customer
