{{ median_measure(
    'first_response_seconds_median',
    ref('fct_tickets'),
    day='created_on',
    value='first_response_seconds',
    segments=['channel', 'category', 'priority', 'owner', 'team']
) }}
