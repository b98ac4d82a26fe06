select
    cast({{ reporting_currency() }} as {{ dbt.type_string() }}) as reporting_currency,
    cast({{ dbt.string_literal(setting('reporting_time_zone')) }} as {{ dbt.type_string() }}) as reporting_time_zone
