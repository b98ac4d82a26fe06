{% call stock_measures(
    ref('int_customer_year_spans'),
    first_day='counts_from',
    end_day='counts_until',
    segments=['industry', 'country', 'company_size']
) %}
    count(*) as yearly_customers_retained
{% endcall %}
