{% call flow_measures(
    ref('fct_new_customers'),
    day='first_purchased_on',
    segments=['industry', 'country', 'company_size', 'source']
) %}
    count(*) as new_customers
{% endcall %}
