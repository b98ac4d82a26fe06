select
    invoice_line.invoice_id as order_id,
    row_number() over (partition by invoice_line.invoice_id order by invoice_line.line_id) as line_number,
    coalesce(invoice_line.product_id, price.product_id) as product_id,
    invoice_line.quantity,
    invoice_line.amount / units_in(coalesce(invoice_line.currency, invoice.currency)) as amount,
    case when invoice.invoice_id is null or lower(invoice.status) = 'draft' then 'of an order left out' end as _left_out
from invoice_line
left join invoice on invoice_line.invoice_id = invoice.invoice_id
left join price on invoice_line.price_id = price.price_id
