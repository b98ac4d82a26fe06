{% call period_measures(ref('int_ordering_customer_periods'), segments=['industry', 'country', 'company_size']) %}
    sum(customers) as ordering_customers
    sum(customers_with_revenue) as customers_with_revenue
    sum(customer_revenue_squares) as customer_revenue_squares
{% endcall %}
