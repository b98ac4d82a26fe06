{% call stock_measures(
    ref('int_order_spans'),
    first_day='ordered_on',
    end_day='repeat_until',
    segments=['industry', 'country', 'company_size']
) %}
    count(*) as yearly_repeat_customers
{% endcall %}
