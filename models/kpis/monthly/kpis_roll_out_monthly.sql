{# Made by `make kpi-docs` from seeds/kpi_catalogue.csv. #}
{{ monthly_kpis([
    'schedule_overrun_days',
    'budget_overrun_rate',
]) }}
