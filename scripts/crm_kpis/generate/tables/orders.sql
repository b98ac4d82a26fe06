-- Purchases: of the won deals, of leads that bought at once, and what customers order without a deal.
with

purchases as (
    select
        n * 3 as n,
        deal_id,
        account_n,
        add_days(closed_at, 2 * u('orders.deal_days', n)) as ordered_at,
        amount,
        product_id
    from deals
    where status = 'won' and account_id is not null and amount is not null and u('orders.missing', n) > 0.04
    union all
    select
        i * 3 + 1 as n,
        null as deal_id,
        base_account(u('orders.account', clump_of('orders', i, 3, 0.2))) as account_n,
        moment_in_week(week_at(demand_weeks(), u('orders.when', clump_of('orders', i, 3, 0.2))), 'orders.when', i) as ordered_at,
        null as amount,
        null as product_id
    from numbers
    where i <= n_extra_orders()
    union all
    select
        n * 3 + 2 as n,
        null as deal_id,
        account_n,
        converted_at as ordered_at,
        null as amount,
        null as product_id
    from lead_outcomes
    where is_direct
),

priced as (
    select
        purchases.n,
        purchases.deal_id,
        purchases.ordered_at,
        accounts.account_id,
        accounts.currency,
        coalesce(purchases.product_id, products.product_id) as product_id,
        coalesce(purchases.amount,
                 money(products.list_price * (1 + 12 * skewed(u('orders.units', purchases.n)))
                       * swing(price_swings(), purchases.ordered_at), accounts.currency)) as amount,
        case
            when u('orders.status', purchases.n) < 0.80 then 'paid'::word
            when u('orders.status', purchases.n) < 0.88 then 'open'::word
            when u('orders.status', purchases.n) < 0.91 then 'cancelled'::word
            when u('orders.status', purchases.n) < 0.93 then 'refunded'::word
        end as status
    from purchases
    inner join accounts on purchases.account_n = accounts.n
    inner join products on product_number(u('orders.product', purchases.n)) = products.n
    where purchases.ordered_at < end_at()
),

paid as (
    select *,
        case when status in ('paid', 'refunded') or (status is null and u('orders.pay_date', n) < 0.5)
            then known(add_days(ordered_at, 25 * u('orders.paid', n)))
        end as paid_at
    from priced
)

select
    n,
    'O' || n as order_id,
    account_id,
    ordered_at,
    paid_at,
    -- what will be paid after the last day is open on it
    case when status = 'paid' and paid_at is null then 'open'::word else status end as status,
    amount,
    currency,
    deal_id,
    product_id
from paid
