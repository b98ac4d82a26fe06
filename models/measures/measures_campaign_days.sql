{% call flow_measures(ref('fct_campaign_days'), day='day', segments=['campaign', 'channel']) %}
    sum(cost) as marketing_spend
{% endcall %}
