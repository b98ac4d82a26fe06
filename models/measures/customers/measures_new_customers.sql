{% call flow_measures(
    ref('fct_new_customers'),
    day='first_purchased_on',
    segments=['industry', 'country', 'company_size', 'source']
) %}
    count(*) as new_customers
    sum(case when is_acquisition_cost_known then 1 end) as customers_with_known_cost
{% endcall %}
