{#
    What a raw value is, by type. A raw column is text where it came from CSV and of any type where it came from Parquet; each macro
    renders an expression that is NULL where the value is missing or not of the type, and never fails.

        {{ to_timestamp('created_at') }} as created_at

    A native value is cast straight away; only text that cannot be cast is trimmed and tried again, so that Parquet stays fast.

    Macros: to_text, to_integer, to_decimal, if_text, to_boolean, to_date, to_timestamp, utc_timestamp, to_contract_type,
    to_reporting_currency, share_of_amount, reporting_currency.
#}

{# Text without blanks around it; empty is NULL. #}
{% macro to_text(column) -%}
    nullif(trim(cast({{ column }} as {{ dbt.type_string() }})), '')
{%- endmacro %}


{# A whole number. A fraction is invalid (engines would round it); 12.0, as spreadsheets write it, is 12. #}
{% macro to_integer(column) -%}
    case when {{ to_decimal(column) }} % 1 = 0 then cast({{ to_decimal(column) }} as bigint) end
{%- endmacro %}


{# A decimal with `scale` digits after the dot, 18 digits in all: money and scores with 4, exchange rates with 8. #}
{% macro to_decimal(column, scale=4) -%}
    coalesce(
        try_cast({{ column }} as decimal(18, {{ scale }})),
        {{ if_text(column, 'try_cast(' ~ to_text(column) ~ ' as decimal(18, ' ~ scale ~ '))') }}
    )
{%- endmacro %}


{#
    `expression` where the column is text, NULL where it has a type of its own. Types are known before a query runs, so it costs native columns
    nothing.

        coalesce(try_cast(day as date), {{ if_text('day', 'try_cast(trim(day) as date)') }})
#}
{% macro if_text(column, expression) -%}
    {{ return(adapter.dispatch('if_text', 'crm_kpis')(column, expression)) }}
{%- endmacro %}

{% macro duckdb__if_text(column, expression) -%}
    case when typeof({{ column }}) = 'VARCHAR' then {{ expression }} end
{%- endmacro %}

{% macro default__if_text(column, expression) -%}
    {{ expression }}
{%- endmacro %}


{# A boolean, from the words that the contract accepts. #}
{% macro to_boolean(column) -%}
    case
        when lower({{ to_text(column) }}) in ('true', 't', 'yes', '1') then true
        when lower({{ to_text(column) }}) in ('false', 'f', 'no', '0') then false
    end
{%- endmacro %}


{# A date from 1970 to 2099: what lies outside is a typing error or a placeholder, not a day on which something happened. #}
{% macro to_date(column) -%}
    {%- set value -%}
        coalesce(try_cast({{ column }} as date), {{ if_text(column, 'try_cast(' ~ to_text(column) ~ ' as date)') }})
    {%- endset -%}
    case
        when {{ value }} between cast('1970-01-01' as date) and cast('2099-12-31' as date) then {{ value }}
    end
{%- endmacro %}


{# A timestamp in UTC from 1970 to 2099. One with an offset is converted, one without is in UTC already. #}
{% macro to_timestamp(column) -%}
    {%- set value = utc_timestamp(column) -%}
    case
        when {{ value }} between cast('1970-01-01 00:00:00' as timestamp) and cast('2099-12-31 23:59:59.999999' as timestamp)
            then {{ value }}
    end
{%- endmacro %}


{# A column as a timestamp in UTC, NULL where it is none. The session's time zone must be UTC (profiles.yml sets it). #}
{% macro utc_timestamp(column) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'crm_kpis')(column)) }}
{%- endmacro %}

{#
    DuckDB's cast of text to timestamp ignores an offset; only timestamptz honours it. Between the two it asks ICU's calendar, forty times as slow
    as all else here: the microseconds since 1970 are the same in both.
#}
{% macro duckdb__utc_timestamp(column) -%}
    case
        when typeof({{ column }}) = 'TIMESTAMP' then try_cast({{ column }} as timestamp)
        else make_timestamp(epoch_us(coalesce(
            try_cast({{ column }} as timestamptz),
            {{ if_text(column, 'try_cast(' ~ to_text(column) ~ ' as timestamptz)') }}
        )))
    end
{%- endmacro %}

{% macro default__utc_timestamp(column) -%}
    coalesce(try_cast({{ column }} as timestamp), {{ if_text(column, 'try_cast(' ~ to_text(column) ~ ' as timestamp)') }})
{%- endmacro %}


{# Renders the macro of a column of the raw contract: `column` is its entry in the source's YAML. Accepted values are compared in lower case, currencies in upper case. #}
{% macro to_contract_type(column) -%}
    {%- set meta = column.config.meta -%}
    {%- if column.data_type == 'text' and meta.get('values') -%} lower({{ to_text(column.name) }})
    {%- elif column.name == 'currency' -%} upper({{ to_text(column.name) }})
    {%- elif column.data_type == 'text' -%} {{ to_text(column.name) }}
    {%- elif column.data_type == 'integer' -%} {{ to_integer(column.name) }}
    {%- elif column.data_type == 'decimal' -%} {{ to_decimal(column.name, meta.get('scale', 4)) }}
    {%- elif column.data_type == 'boolean' -%} {{ to_boolean(column.name) }}
    {%- elif column.data_type == 'date' -%} {{ to_date(column.name) }}
    {%- elif column.data_type == 'timestamp' -%} {{ to_timestamp(column.name) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error("raw contract: column " ~ column.name ~ " has the unknown data_type " ~ column.data_type) }}
    {%- endif -%}
{%- endmacro %}


{#
    An amount in the reporting currency; NULL where there is no rate.

        {{ to_reporting_currency('deals.amount', 'rates.rate') }} as amount

    Wider than 18 digits on purpose: DuckDB multiplies decimals of up to 18 digits in 18 digits, and fails where the product has more.
#}
{% macro to_reporting_currency(amount, rate) -%}
    try_cast(cast({{ amount }} as decimal(20, 4)) * {{ rate }} as decimal(18, 4))
{%- endmacro %}


{#
    The share of an amount that a part of the whole has, to four digits.

        {{ share_of_amount('orders.amount', 'weight', 'weight_of_order') }} as amount

    In DOUBLE, since the product of amount and weight may have more digits than a DECIMAL.
#}
{% macro share_of_amount(amount, part, whole) -%}
    cast(round(cast({{ amount }} as double) * cast({{ part }} as double) / cast({{ whole }} as double), 4) as decimal(18, 4))
{%- endmacro %}


{# The setting reporting_currency as a literal, in upper case like the currencies that staging reads. #}
{% macro reporting_currency() -%}
    {{ dbt.string_literal(setting('reporting_currency') | upper) }}
{%- endmacro %}
