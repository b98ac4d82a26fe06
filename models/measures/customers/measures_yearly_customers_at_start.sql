{% call stock_measures(
    ref('fct_customer_intervals'),
    first_day=add_days('active_from', 365),
    end_day=add_days('active_until', 365),
    segments=['industry', 'country', 'company_size']
) %}
    count(*) as yearly_customers_at_start
{% endcall %}
