{% call flow_measures(
    ref('fct_orders'),
    day='ordered_on',
    segments=['industry', 'country', 'company_size'],
    where='is_revenue'
) %}
    count(*) filter (where is_credit_note is not true) as orders
    count(amount) filter (where is_credit_note is not true) as orders_with_amount
    {{ sum_of_squares('amount') }} as order_amount_squares
{% endcall %}
