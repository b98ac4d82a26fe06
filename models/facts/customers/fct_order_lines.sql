with

orders as (
    select * from {{ ref('fct_orders') }}
),

items as (
    select * from {{ ref('stg_order_items') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

-- Lines that cancel out for the most part say nothing of the shares of their products, no more than lines without amounts.
line_sums as (
    select
        order_id,
        count(*) as line_count,
        max(line_number) as last_line_number,
        sum(amount) as amount,
        coalesce(sum(amount) <> 0 and 2 * abs(sum(amount)) >= sum(abs(amount)), false) as are_shares_known
    from items
    group by order_id
),

weighted as (
    select
        items.order_id,
        items.line_number,
        items.product_id,
        items.quantity,
        line_sums.last_line_number,
        case when line_sums.are_shares_known then coalesce(items.amount, 0) else cast(1 as decimal(18, 4)) end as weight,
        case when line_sums.are_shares_known then line_sums.amount else line_sums.line_count end as weight_of_order
    from items
    inner join line_sums on items.order_id = line_sums.order_id
),

summed as (
    select
        *,
        sum(weight) over (
            partition by order_id order by line_number rows between unbounded preceding and current row
        ) as weight_up_to_line
    from weighted
),

joined as (
    select
        orders.order_id,
        orders.account_id,
        coalesce(summed.line_number, 0) as line_number,
        summed.product_id,
        orders.industry,
        orders.country,
        orders.company_size,
        summed.quantity,
        orders.amount as amount_of_order,
        coalesce(summed.line_number = summed.last_line_number, true) as is_last_line,
        {{ share_of_amount('orders.amount', 'summed.weight_up_to_line', 'summed.weight_of_order') }} as amount_up_to_line,
        {{ share_of_amount('orders.amount', 'summed.weight_up_to_line - summed.weight', 'summed.weight_of_order') }} as amount_before_line,
        orders.is_revenue,
        orders.ordered_on
    from orders
    left join summed on orders.order_id = summed.order_id
)

select
    -- ids
    joined.order_id,
    joined.line_number,
    joined.account_id,
    {{ segment('products.product_id', key='joined.product_id', found='products.product_id') }} as product_id,

    -- segments
    joined.industry,
    joined.country,
    joined.company_size,

    -- numerics
    joined.quantity,

    -- amounts
    -- The last line ends at the order's amount to the last digit.
    cast(
        case when joined.is_last_line then joined.amount_of_order else joined.amount_up_to_line end
        - coalesce(joined.amount_before_line, 0) as decimal(18, 4)
    ) as amount,

    -- booleans
    joined.is_revenue,

    -- dates
    joined.ordered_on
from joined
left join products on joined.product_id = products.product_id
