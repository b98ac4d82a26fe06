{% call stock_measures(
    ref('fct_customer_intervals'),
    first_day='active_from',
    end_day='active_until',
    segments=['industry', 'country', 'company_size'],
    read_on=add_days('period_start', -1)
) %}
    count(*) as customers_at_start
{% endcall %}
