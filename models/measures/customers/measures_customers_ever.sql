{% call stock_measures(
    ref('fct_new_customers'),
    first_day='first_purchased_on',
    end_day='cast(null as date)',
    segments=['industry', 'country', 'company_size']
) %}
    count(*) as customers_ever
{% endcall %}
