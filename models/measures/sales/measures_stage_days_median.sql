{{ median_measure(
    'stage_days_median',
    ref('fct_deal_stage_visits'),
    day='exited_on',
    value='stage_days',
    segments=['stage', 'pipeline', 'owner', 'source']
) }}
