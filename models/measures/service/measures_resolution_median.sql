{{ median_measure(
    'resolution_seconds_median',
    ref('fct_tickets'),
    day='resolved_on',
    value='resolution_seconds',
    segments=['channel', 'category', 'priority', 'owner', 'team']
) }}
