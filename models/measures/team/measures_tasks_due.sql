{% call flow_measures(
    ref('fct_activities'),
    day='due_on',
    segments=['team', 'owner']
) %}
    count(*) as tasks_due
    count(*) filter (where is_done_on_time) as tasks_done_on_time
{% endcall %}
