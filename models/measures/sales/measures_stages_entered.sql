{% call flow_measures(
    ref('fct_deal_stage_visits'),
    day='entered_on',
    segments=['stage', 'pipeline', 'source']
) %}
    count(*) filter (where has_ended) as stage_visits_ended
    count(*) filter (where has_ended and has_gone_on) as stage_visits_gone_on
{% endcall %}
