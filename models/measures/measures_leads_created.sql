{% call flow_measures(
    ref('fct_leads'),
    day='created_on',
    segments=['source', 'campaign', 'channel', 'industry', 'country', 'owner', 'score_band']
) %}
    count(*) as leads_created
    count(*) filter (where is_converted) as leads_converted
    count(*) filter (where is_from_campaign) as campaign_leads
    count(*) filter (where is_won) as leads_won
{% endcall %}
