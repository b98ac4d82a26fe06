{% call period_measures(ref('fct_ordering_customer_periods'), segments=['industry', 'country', 'company_size']) %}
    count(*) as ordering_customers
    count(revenue) as customers_with_revenue
    {{ sum_of_squares('revenue') }} as customer_revenue_squares
{% endcall %}
