{% call stock_measures(
    ref('fct_new_customers'),
    first_day='first_purchased_on',
    end_day=add_days('first_purchased_on', 365),
    segments=[]
) %}
    count(*) filter (where is_acquisition_cost_known) as yearly_new_customers
{% endcall %}
