{% call stock_measures(
    ref('int_customer_changes'),
    first_day='changed_on',
    end_day='cast(null as date)',
    segments=['industry', 'country', 'company_size']
) %}
    sum(step) as net_changes
    sum(step * day_number) as net_change_days
{% endcall %}
