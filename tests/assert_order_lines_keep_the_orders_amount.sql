-- An order's amount is split by its lines and stays whole, to the last digit.
with

lines as (
    select
        order_id,
        count(*) as line_count,
        sum(amount) as amount
    from {{ ref('fct_order_lines') }}
    group by order_id
)

select
    orders.order_id,
    orders.amount,
    lines.amount as amount_of_lines
from {{ ref('fct_orders') }} as orders
left join lines on orders.order_id = lines.order_id
where lines.line_count is null or orders.amount is distinct from lines.amount
