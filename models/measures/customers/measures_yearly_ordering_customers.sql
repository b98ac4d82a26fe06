{% call stock_measures(
    ref('int_order_spans'),
    first_day='ordered_on',
    end_day='latest_until',
    segments=['industry', 'country', 'company_size']
) %}
    count(*) as yearly_ordering_customers
{% endcall %}
