{# Made by `make kpi-docs` from seeds/kpi_catalogue.csv. #}
{{ monthly_kpis([
    'channels_per_employee',
    'tasks_per_employee',
    'automated_task_rate',
    'on_time_task_rate',
    'employee_satisfaction_score',
    'crm_adoption_rate',
    'record_completeness_rate',
    'duplicate_record_rate',
]) }}
