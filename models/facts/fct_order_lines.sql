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
weighable as (
    select order_id
    from items
    group by order_id
    having sum(amount) <> 0 and 2 * abs(sum(amount)) >= sum(abs(amount))
),

weighted as (
    select
        items.order_id,
        items.line_number,
        items.product_id,
        items.quantity,
        case
            when weighable.order_id is null then cast(1 as decimal(18, 4))
            else coalesce(items.amount, 0)
        end as weight
    from items
    left join weighable on items.order_id = weighable.order_id
),

summed as (
    select
        order_id,
        line_number,
        product_id,
        quantity,
        sum(weight) over up_to_line as weight_up_to_line,
        sum(weight) over (partition by order_id) as weight_of_order,
        row_number() over (partition by order_id order by line_number desc) as lines_to_go
    from weighted
    window up_to_line as (partition by order_id order by line_number rows between unbounded preceding and current row)
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
        -- The last line ends at the order's amount to the last digit.
        case
            when coalesce(summed.lines_to_go, 1) = 1 then orders.amount
            else cast(
                round(
                    cast(orders.amount as double)
                    * cast(summed.weight_up_to_line as double)
                    / cast(summed.weight_of_order as double),
                    4
                ) as decimal(18, 4)
            )
        end as amount_up_to_line,
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
    cast(
        joined.amount_up_to_line
        - coalesce(lag(joined.amount_up_to_line) over (partition by joined.order_id order by joined.line_number), 0)
        as decimal(18, 4)
    ) as amount,

    -- booleans
    joined.is_revenue,

    -- dates
    joined.ordered_on
from joined
left join products on joined.product_id = products.product_id
