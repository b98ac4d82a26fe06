{# Made by `make kpi-docs` from seeds/kpi_catalogue.csv. #}
{{ monthly_kpis([
    'active_customers',
    'new_customers',
    'churn_rate',
    'retention_rate',
    'revenue',
    'revenue_per_customer',
    'average_purchase_value',
    'purchase_frequency',
    'repeat_purchase_rate',
    'customer_lifespan_days',
    'customer_lifetime_value',
    'lifetime_value_to_acquisition_cost',
    'customer_retention_cost',
]) }}
