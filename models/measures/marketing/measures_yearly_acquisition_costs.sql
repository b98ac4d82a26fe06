{% call stock_measures(
    ref('int_acquisition_costs'),
    first_day='incurred_on',
    end_day=add_days('incurred_on', 365),
    segments=[]
) %}
    sum(amount) as yearly_acquisition_cost
{% endcall %}
