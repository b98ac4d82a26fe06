{% call flow_measures(
    ref('fct_survey_responses'),
    day='responded_on',
    segments=['owner', 'team', 'touchpoint', 'channel', 'industry', 'country', 'category', 'product'],
    where="survey_type = 'csat'"
) %}
    count(*) as csat_responses
    count(*) filter (where is_satisfied) as csat_satisfied
    count(*) filter (where not is_satisfied and product_id <> '(none)') as low_scores_with_product
    sum(score_on_1_to_5) as csat_score
    {{ sum_of_squares('score_on_1_to_5', scale=12) }} as csat_score_squares
{% endcall %}
