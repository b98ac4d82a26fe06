{{ median_measure(
    'sales_cycle_days_median',
    ref('fct_deals'),
    day='closed_on',
    value='sales_cycle_days',
    segments=['owner', 'team', 'pipeline', 'deal_type', 'source', 'industry', 'country', 'product']
) }}
