{% call flow_measures(
    ref('fct_survey_responses'),
    day='responded_on',
    segments=['touchpoint', 'channel', 'category', 'owner', 'team', 'industry', 'country'],
    where="survey_type = 'csat'"
) %}
    count(*) as csat_responses
    count(*) filter (where is_satisfied) as csat_satisfied
{% endcall %}
