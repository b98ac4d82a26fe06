-- One to three lines an order, which add up to its amount.
with

counted as (
    select n as order_n, order_id, amount, product_id, 1 + floor(2.4 * u('order_items.lines', n))::integer as lines
    from orders
),

lines as (
    select counted.*, line_number, counted.order_n * 4 + line_number as n,
        -- in whole cents, half a cent up: how a decimal is divided and rounded differs from one DuckDB to the next
        ((200 * counted.amount + counted.lines)::bigint // (2 * counted.lines) * 0.01)::decimal(18, 2) as share
    from counted, range(1, 4) as numbers(line_number)
    where line_number <= counted.lines
)

select
    n,
    order_id,
    line_number::integer as line_number,
    case when line_number = 1 then product_id else 'P' || product_number(u('order_items.product', n)) end as product_id,
    (1 + floor(9 * pow(u('order_items.quantity', n), 2)))::decimal(18, 0) as quantity,
    -- the last line takes what rounding leaves
    case when line_number < lines then share else amount - share * (lines - 1) end as amount
from lines
