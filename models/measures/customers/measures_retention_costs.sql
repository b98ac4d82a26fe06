{% call flow_measures(
    ref('fct_costs'),
    day='incurred_on',
    segments=['cost_type'],
    where="purpose = 'retention'"
) %}
    sum(amount) as retention_cost
    count(amount) as retention_costs_booked
{% endcall %}
