{% call flow_measures(
    ref('fct_survey_responses'),
    day='responded_on',
    segments=['touchpoint', 'industry', 'country', 'company_size'],
    where="survey_type = 'nps'"
) %}
    count(*) as nps_responses
    100 * (count(*) filter (where is_promoter) - count(*) filter (where is_detractor)) as nps_points
    10000 * (count(*) filter (where is_promoter) + count(*) filter (where is_detractor)) as nps_points_squares
{% endcall %}
