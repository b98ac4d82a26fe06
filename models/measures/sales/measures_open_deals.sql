{% call stock_measures(
    ref('int_open_deal_intervals'),
    first_day='open_from',
    end_day='open_until',
    segments=['stage', 'owner', 'source', 'pipeline']
) %}
    count(*) as open_deals
    count(*) filter (where is_stalled) as stalled_deals
    sum(amount) as open_pipeline
{% endcall %}
