{% call stock_measures(
    ref('fct_customer_intervals'),
    first_day='active_from',
    end_day='active_until',
    segments=['industry', 'country', 'company_size']
) %}
    count(*) as active_customers
{% endcall %}
