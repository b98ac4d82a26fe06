{% call flow_measures(
    ref('fct_deal_forecasts'),
    day='expected_close_on',
    segments=['owner', 'pipeline', 'stage'],
    where='is_current',
    days=ref('int_planned_period_days')
) %}
    count(forecast_amount) as forecast_deals
    sum(forecast_amount) as forecast_revenue
{% endcall %}
