{% call flow_measures(
    ref('fct_activities'),
    day='occurred_on',
    segments=['team', 'activity_type']
) %}
    count(*) as activities
    count(*) filter (where is_automated) as activities_automated
{% endcall %}
