{% call flow_measures(
    ref('fct_survey_responses'),
    day='responded_on',
    segments=['touchpoint', 'channel', 'category'],
    where="survey_type = 'ces'"
) %}
    count(*) as ces_responses
    sum(score_on_1_to_7) as ces_score
    {{ sum_of_squares('score_on_1_to_7', scale=12) }} as ces_score_squares
{% endcall %}
