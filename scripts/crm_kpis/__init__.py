"""CRM KPIs: the console command `crm-kpis` and what it needs. dbt does the work; nothing here knows a KPI."""
