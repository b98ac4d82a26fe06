select
    order_id,
    account_id,
    coalesce(activated_at, noon_of(effective_on)) as ordered_at,
    -- An order knows no payment. No status counts as paid.
    case when lower(status) in ('cancelled', 'canceled') then 'cancelled' end as status,
    amount,
    currency,
    opportunity_id as deal_id,
    case when lower(status) = 'draft' then 'draft' end as _left_out
from sales_order
