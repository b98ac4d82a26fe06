{% call flow_measures(
    ref('fct_deals'),
    day='created_on',
    segments=['owner', 'team', 'pipeline', 'deal_type', 'source', 'industry', 'country', 'product']
) %}
    count(*) as deals_created
    count(*) filter (where is_won) as created_deals_won
{% endcall %}
