{% call flow_measures(ref('fct_acquisition_costs'), day='incurred_on', segments=[]) %}
    sum(amount) as acquisition_cost
{% endcall %}
