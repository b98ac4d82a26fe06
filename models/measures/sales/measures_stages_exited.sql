{% call flow_measures(
    ref('fct_deal_stage_visits'),
    day='exited_on',
    segments=['stage', 'pipeline', 'owner', 'source']
) %}
    count(*) as stages_exited
    sum(stage_days) as stage_days
    {{ sum_of_squares('stage_days') }} as stage_days_squares
{% endcall %}
