{% call flow_measures(
    ref('fct_order_lines'),
    day='ordered_on',
    segments=['industry', 'country', 'company_size', 'product'],
    where='is_revenue'
) %}
    count(amount) as revenue_lines
    sum(amount) as revenue
{% endcall %}
