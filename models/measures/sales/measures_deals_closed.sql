{% call flow_measures(
    ref('fct_deals'),
    day='closed_on',
    segments=['owner', 'team', 'pipeline', 'deal_type', 'source', 'industry', 'country', 'product', 'campaign', 'channel']
) %}
    count(*) as deals_closed
    count(*) filter (where is_won) as deals_won
    count(amount) filter (where is_won) as won_deals_with_amount
    sum(case when is_won then amount when amount is not null then 0 end) as won_revenue
    sum(case when is_won and is_from_campaign and is_spend_known then amount when amount is not null and is_spend_known then 0 end) as revenue_with_known_spend
    count(amount) filter (where is_won and is_from_campaign and is_spend_known) as won_deals_with_known_spend
    {{ sum_of_squares('amount') }} filter (where is_won) as won_amount_squares
    count(sales_cycle_days) filter (where is_won) as won_deals_with_cycle
    sum(case when is_won then sales_cycle_days else 0 end) as sales_cycle_days
    {{ sum_of_squares('sales_cycle_days') }} filter (where is_won) as sales_cycle_days_squares
{% endcall %}
