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

items_weighted as (
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

items_summed as (
    select
        *,
        sum(weight) over (
            partition by order_id order by line_number rows between unbounded preceding and current row
        ) as weight_up_to_line
    from items_weighted
),

orders_with_items as (
    select
        orders.order_id,
        orders.account_id,
        coalesce(items_summed.line_number, 0) as line_number,
        items_summed.product_id,
        orders.industry,
        orders.country,
        orders.company_size,
        items_summed.quantity,
        orders.amount as amount_of_order,
        coalesce(items_summed.line_number = items_summed.last_line_number, true) as is_last_line,
        {{ share_of_amount('orders.amount', 'items_summed.weight_up_to_line', 'items_summed.weight_of_order') }} as amount_up_to_line,
        {{ share_of_amount(
            'orders.amount', 'items_summed.weight_up_to_line - items_summed.weight', 'items_summed.weight_of_order'
        ) }} as amount_before_line,
        orders.is_revenue,
        orders.ordered_on
    from orders
    left join items_summed on orders.order_id = items_summed.order_id
)

select
    -- ids
    orders_with_items.order_id,
    orders_with_items.line_number,
    orders_with_items.account_id,
    {{ segment('products.product_id', key='orders_with_items.product_id', found='products.product_id') }} as product_id,

    -- segments
    orders_with_items.industry,
    orders_with_items.country,
    orders_with_items.company_size,

    -- numerics
    orders_with_items.quantity,

    -- amounts
    -- The last line ends at the order's amount to the last digit.
    cast(
        case when orders_with_items.is_last_line then orders_with_items.amount_of_order else orders_with_items.amount_up_to_line end
        - coalesce(orders_with_items.amount_before_line, 0) as decimal(18, 4)
    ) as amount,

    -- booleans
    orders_with_items.is_revenue,

    -- dates
    orders_with_items.ordered_on
from orders_with_items
left join products on orders_with_items.product_id = products.product_id
