-- One row: what the numbers are in, and how the report shows them.
select
    reporting_currency,
    company_name,
    company_logo,
    report_language,
    headline_kpis
from marts.reporting_settings
