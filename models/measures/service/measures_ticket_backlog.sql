{% call stock_measures(
    ref('fct_tickets'),
    first_day='created_on',
    end_day='open_until',
    segments=['channel', 'category', 'priority', 'owner', 'team']
) %}
    count(*) as open_tickets
{% endcall %}
