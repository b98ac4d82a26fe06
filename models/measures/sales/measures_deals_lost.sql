{% call flow_measures(
    ref('fct_deals'),
    day='closed_on',
    segments=['lost_reason', 'deal_type', 'owner', 'team', 'pipeline', 'source', 'industry', 'country', 'product'],
    where='is_lost'
) %}
    count(*) as deals_lost
    count(amount) as lost_deals_with_amount
    sum(amount) as lost_amount
{% endcall %}
