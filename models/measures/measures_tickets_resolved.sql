{% call flow_measures(
    ref('fct_tickets'),
    day='resolved_on',
    segments=['channel', 'category', 'priority', 'owner', 'team']
) %}
    count(*) as tickets_resolved
    sum(resolution_seconds) as resolution_seconds
    {{ sum_of_squares('resolution_seconds') }} as resolution_seconds_squares
{% endcall %}
