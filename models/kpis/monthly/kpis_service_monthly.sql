{# Made by `make kpi-docs` from seeds/kpi_catalogue.csv. #}
{{ monthly_kpis([
    'tickets_created',
    'ticket_backlog',
    'first_contact_resolution_rate',
    'first_response_hours',
    'first_response_hours_median',
    'resolution_hours',
    'resolution_hours_median',
    'resolution_business_hours',
    'ticket_reopen_rate',
    'service_level_rate',
    'customer_satisfaction_score',
    'customer_satisfaction_average',
    'net_promoter_score',
    'customer_effort_score',
    'tickets_per_1000_sold',
    'low_scores_per_1000_sold',
]) }}
