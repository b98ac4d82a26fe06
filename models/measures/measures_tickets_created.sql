{% call flow_measures(
    ref('fct_tickets'),
    day='created_on',
    segments=['channel', 'category', 'priority', 'owner', 'team']
) %}
    count(*) as tickets_created
    count(first_response_seconds) as tickets_responded
    sum(first_response_seconds) as first_response_seconds
    {{ sum_of_squares('first_response_seconds') }} as first_response_seconds_squares
{% endcall %}
