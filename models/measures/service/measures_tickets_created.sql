{% call flow_measures(
    ref('fct_tickets'),
    day='created_on',
    segments=['owner', 'team', 'channel', 'category', 'priority', 'product']
) %}
    count(*) as tickets_created
    count(*) filter (where product_id <> '(none)') as tickets_with_product
    count(first_response_seconds) as tickets_responded
    sum(first_response_seconds) as first_response_seconds
    {{ sum_of_squares('first_response_seconds') }} as first_response_seconds_squares
{% endcall %}
