{% call stock_measures(ref('fct_deals'), first_day='closed_on', end_day=add_days('closed_on', 365), segments=[]) %}
    count(*) as deals_closed_in_365_days
    count(*) filter (where is_won) as deals_won_in_365_days
    count(amount) filter (where is_won) as won_deals_with_amount_in_365_days
    sum(case when is_won and amount is not null then amount else 0 end) as won_revenue_in_365_days
    count(sales_cycle_days) filter (where is_won) as won_deals_with_cycle_in_365_days
    sum(case when is_won then sales_cycle_days else 0 end) as sales_cycle_days_in_365_days
{% endcall %}
