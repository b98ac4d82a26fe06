{% set company_name = setting('company_name') %}
{% set company_logo = setting('company_logo') %}
{% set headline_kpis = (setting('headline_kpis') or []) | join('|') %}

select
    cast({{ reporting_currency() }} as {{ dbt.type_string() }}) as reporting_currency,
    cast({{ dbt.string_literal(setting('reporting_time_zone')) }} as {{ dbt.type_string() }}) as reporting_time_zone,
    cast(
        {{ dbt.string_literal(dbt.escape_single_quotes(company_name)) if company_name else 'null' }} as {{ dbt.type_string() }}
    ) as company_name,
    cast({{ dbt.string_literal(company_logo) if company_logo else 'null' }} as {{ dbt.type_string() }}) as company_logo,
    cast({{ dbt.string_literal(setting('report_language')) }} as {{ dbt.type_string() }}) as report_language,
    cast({{ dbt.string_literal(headline_kpis) }} as {{ dbt.type_string() }}) as headline_kpis
