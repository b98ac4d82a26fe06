{% call flow_measures(ref('fct_campaign_days'), day='day', segments=['campaign', 'channel']) %}
    sum(cost) as marketing_spend
    count(cost) as campaign_days_with_cost
    sum(impressions) as ad_impressions
    sum(clicks) as ad_clicks
    sum(engagements) as ad_engagements
{% endcall %}
