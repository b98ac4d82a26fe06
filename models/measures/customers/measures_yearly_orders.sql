{% call stock_measures(
    ref('int_order_spans'),
    first_day='ordered_on',
    end_day='counts_until',
    segments=['industry', 'country', 'company_size']
) %}
    count(*) filter (where is_credit_note is not true) as yearly_orders
    count(amount) filter (where is_credit_note is not true) as yearly_orders_with_amount
    sum(amount) as yearly_revenue
{% endcall %}
