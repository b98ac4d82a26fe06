{% call period_measures(ref('fct_customer_periods'), segments=['industry', 'country', 'company_size']) %}
    count(*) as customers_at_start
    count(*) filter (where is_retained) as customers_retained
    count(*) filter (where not is_retained) as customers_lost
{% endcall %}
