{% call stock_measures(
    ref('int_order_spans'),
    first_day='ordered_on',
    end_day='counts_until',
    segments=['industry', 'country', 'company_size']
) %}
    count(*) as yearly_orders
    count(amount) as yearly_orders_with_amount
    sum(amount) as yearly_revenue
{% endcall %}
