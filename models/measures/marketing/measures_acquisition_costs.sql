{% call flow_measures(ref('int_acquisition_costs'), day='incurred_on', segments=[]) %}
    sum(amount) as acquisition_cost
{% endcall %}
