{% call flow_measures(
    ref('fct_survey_responses'),
    day='responded_on',
    segments=['team'],
    where="survey_type = 'employee'"
) %}
    count(*) as employee_responses
    count(*) filter (where is_satisfied) as employee_satisfied
{% endcall %}
