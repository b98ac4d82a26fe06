select
    order_item.order_id,
    row_number() over (partition by order_item.order_id order by order_item.item_id) as line_number,
    order_item.product_id,
    order_item.quantity,
    order_item.amount,
    case when sales_order.order_id is null or lower(sales_order.status) = 'draft' then 'of an order left out' end as _left_out
from order_item
left join sales_order on order_item.order_id = sales_order.order_id
