{% call flow_measures(
    ref('fct_leads'),
    day='created_on',
    segments=['campaign', 'channel', 'source', 'score_band', 'industry', 'country', 'owner']
) %}
    count(*) as leads_created
    count(*) filter (where is_converted) as leads_converted
    sum(case when is_spend_known and is_from_campaign then 1 when is_spend_known then 0 end) as leads_with_known_spend
    count(*) filter (where is_won) as leads_won
    count(*) filter (where is_qualified) as created_leads_qualified
    sum(case when is_ideal_customer then 1 when not is_ideal_customer then 0 end) as ideal_leads
    count(score) as leads_with_score
    sum(score) as lead_score
    {{ sum_of_squares('score') }} as lead_score_squares
{% endcall %}
