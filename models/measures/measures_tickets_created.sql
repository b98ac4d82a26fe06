{% call flow_measures(
    ref('fct_tickets'),
    day='created_on',
    segments=['channel', 'category', 'priority', 'owner', 'team']
) %}
    count(*) as tickets_created
{% endcall %}
