{% call flow_measures(
    ref('fct_order_lines'),
    day='ordered_on',
    segments=['product'],
    where="is_revenue and product_id <> '(none)' and coalesce(quantity, 1) > 0 and coalesce(amount, 0) >= 0"
) %}
    sum(coalesce(quantity, 1)) as units_sold
    sum(coalesce(quantity, 1) * cast(0.001 as decimal(4, 3))) as thousands_of_units_sold
{% endcall %}
