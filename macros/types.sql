{#
    What a raw value is, by type. A raw column is text where it came from CSV and of any type where it came from Parquet; each macro
    renders an expression that is NULL where the value is missing or not of the type, and never fails.

        {{ to_timestamp('created_at') }} as created_at

    A native value is cast straight away; text is trimmed and must look as the contract says, since each engine reads other texts beside.

    Macros: to_text, trim_blanks, to_integer, to_decimal, by_type, matches, number_pattern, time_pattern, to_boolean, to_date, to_timestamp,
    is_day, has_offset, offset_pattern, utc_timestamp, to_contract_type, factor_digits, to_reporting_currency, to_amount, share_of_amount,
    reporting_currency.
#}

{# Text without blanks around it, whichever blanks Unicode has; empty is NULL. #}
{% macro to_text(column) -%}
    nullif({{ trim_blanks('cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')') }}, '')
{%- endmacro %}


{# A text without the blanks around it. DuckDB takes all blanks of Unicode for blanks, Spark one. #}
{% macro trim_blanks(text) -%}
    {{ return(adapter.dispatch('trim_blanks', 'crm_kpis')(text)) }}
{%- endmacro %}

{% macro duckdb__trim_blanks(text) -%} trim({{ text }}) {%- endmacro %}

{% macro default__trim_blanks(text) -%}
    trim(both ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000' from {{ text }})
{%- endmacro %}


{# A whole number. A fraction is invalid (engines would round it); 12.0, as spreadsheets write it, is 12. #}
{% macro to_integer(column) -%}
    case when {{ to_decimal(column) }} % 1 = 0 then cast({{ to_decimal(column) }} as bigint) end
{%- endmacro %}


{# A decimal with `scale` digits after the dot, 18 digits in all: money and scores with 4, exchange rates with 8. #}
{% macro to_decimal(column, scale=4) -%}
    {%- set target = 'decimal(18, ' ~ scale ~ ')' -%}
    {{ by_type(
        column,
        'case when ' ~ matches(to_text(column), number_pattern()) ~ ' then try_cast(' ~ to_text(column) ~ ' as ' ~ target ~ ') end',
        'try_cast(' ~ column ~ ' as ' ~ target ~ ')'
    ) }}
{%- endmacro %}


{#
    One expression where the column is text, another where it has a type of its own. Types are known before a query runs, so it costs native
    columns nothing.

        {{ by_type('day', 'try_cast(trim(day) as date)', 'try_cast(day as date)') }}
#}
{% macro by_type(column, of_text, of_native) -%}
    {{ return(adapter.dispatch('by_type', 'crm_kpis')(column, of_text, of_native)) }}
{%- endmacro %}

{% macro duckdb__by_type(column, of_text, of_native) -%}
    case when typeof({{ column }}) = 'VARCHAR' then {{ of_text }} else {{ of_native }} end
{%- endmacro %}

{% macro default__by_type(column, of_text, of_native) -%}
    case when typeof({{ column }}) = 'string' then {{ of_text }} else {{ of_native }} end
{%- endmacro %}


{#
    Whether a text is a regular expression from its first character to its last. Write [0-9] and [.]: in a literal of Spark's a backslash escapes.

        {{ matches('code', '[0-9]{4}') }}
#}
{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches', 'crm_kpis')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches(text, pattern) -%} regexp_full_match({{ text }}, '{{ pattern }}') {%- endmacro %}

{# Java's $ also stands before a line break at the end. #}
{% macro default__matches(text, pattern) -%} {{ text }} rlike r'^(?:{{ pattern }})\z' {%- endmacro %}


{# How a number is written: 1234.50, -.5, 1e3. Engines read more, such as 1_000, and not the same. #}
{% macro number_pattern() -%} [+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)? {%- endmacro %}


{#
    How a day or a time is written, after ISO 8601: 2024-01-31, 2024-01-31T09:30:00Z, 2024-01-31 09:30:00.5+02:00. Engines read more, and not the
    same: to one of them 12:30 is a time of today, and 2024 the first of January.
#}
{% macro time_pattern() -%}
    [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}
    {{- '([ T]([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( UTC|Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?' }}
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
    {%- set value = by_type(
        column,
        'case when ' ~ matches(to_text(column), time_pattern()) ~ ' then try_cast(' ~ to_text(column) ~ ' as date) end',
        'try_cast(' ~ column ~ ' as date)'
    ) -%}
    case
        when {{ value }} between cast('1970-01-01' as date) and cast('2099-12-31' as date) then {{ value }}
    end
{%- endmacro %}


{#
    A timestamp in UTC from 1970 to 2099. One with an offset is converted, one without is in UTC already. A day without a time begins where the
    company counts its days: west of Greenwich the midnight of UTC would belong to the day before.

        {{ to_timestamp('due_at', beside='created_at', is_deadline=true) }} as due_at

    beside       another column of the row, from which hours are counted. Who writes days there writes the times beside them by the same
                 clock: where it has a day without a time, a time without an offset is one of the reporting time zone
    is_deadline  whether a day without a time means its end: what is due on a day may be done on that day
#}
{% macro to_timestamp(column, beside=none, is_deadline=false) -%}
    {%- set value = utc_timestamp(column) -%}
    {%- set is_valid -%}
        {{ value }} between cast('1970-01-01 00:00:00' as timestamp) and cast('2099-12-31 23:59:59.999999' as timestamp)
    {%- endset -%}
    {%- set time_zone = setting('reporting_time_zone') -%}
    case
        {%- if is_deadline %}
        when {{ is_day(column) }} then {{ end_of_day(to_date(column)) }}
        {%- elif time_zone != 'UTC' %}
        when {{ is_day(column) }} then {{ start_of_day(to_date(column)) }}
        {%- endif %}
        {%- if beside and time_zone != 'UTC' %}
        when {{ is_valid }} and {{ is_day(beside) }} and not {{ has_offset(column) }} then {{ wall_clock_to_utc(value, '0', time_zone) }}
        {%- endif %}
        when {{ is_valid }} then {{ value }}
    end
{%- endmacro %}


{# Whether a value, if it is valid, is a day without a time: as text 2024-01-31 or 2024-1-31, or a native date. #}
{% macro is_day(column) -%}
    {{ return(adapter.dispatch('is_day', 'crm_kpis')(column)) }}
{%- endmacro %}

{% macro duckdb__is_day(column) -%}
    {{ by_type(column, 'length(' ~ to_text(column) ~ ') <= 10', 'typeof(' ~ column ~ ") = 'DATE'") }}
{%- endmacro %}

{% macro default__is_day(column) -%}
    {{ by_type(column, 'length(' ~ to_text(column) ~ ') <= 10', 'typeof(' ~ column ~ ") = 'date'") }}
{%- endmacro %}


{# Whether a valid time says how far it is from UTC: as text with Z or +02:00 behind it, or by its native type. #}
{% macro has_offset(column) -%}
    {{ return(adapter.dispatch('has_offset', 'crm_kpis')(column)) }}
{%- endmacro %}

{% macro duckdb__has_offset(column) -%}
    {{ by_type(column, matches(to_text(column), offset_pattern()), 'typeof(' ~ column ~ ") = 'TIMESTAMP WITH TIME ZONE'") }}
{%- endmacro %}

{% macro default__has_offset(column) -%}
    {{ by_type(column, matches(to_text(column), offset_pattern()), 'typeof(' ~ column ~ ") = 'timestamp'") }}
{%- endmacro %}

{# How a time with an offset ends. #}
{% macro offset_pattern() -%} .*(UTC|Z|[+-][0-9:]+) {%- endmacro %}


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
        else make_timestamp(epoch_us({{ by_type(
            column,
            'case when ' ~ matches(to_text(column), time_pattern()) ~ ' then try_cast(' ~ to_text(column) ~ ' as timestamptz) end',
            'try_cast(' ~ column ~ ' as timestamptz)'
        ) }}))
    end
{%- endmacro %}

{# Spark reads no offset behind a time without seconds. #}
{% macro default__utc_timestamp(column) -%}
    {%- set with_seconds -%}
        regexp_replace({{ to_text(column) }}, '^([^ T]+[ T][0-9]+:[0-9]+)(?=[ Z+-])', '$1:00')
    {%- endset -%}
    {{ by_type(
        column,
        'case when ' ~ matches(to_text(column), time_pattern()) ~ ' then try_cast(' ~ with_seconds ~ ' as timestamp) end',
        'try_cast(' ~ column ~ ' as timestamp)'
    ) }}
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
    {%- elif column.data_type == 'timestamp' -%} {{ to_timestamp(column.name, meta.get('beside'), meta.get('is_deadline')) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error("raw contract: column " ~ column.name ~ " has the unknown data_type " ~ column.data_type) }}
    {%- endif -%}
{%- endmacro %}


{#
    How many digits a factor of a decimal product has. DuckDB multiplies decimals of up to 18 digits in 18 digits, and fails where the product has
    more; Spark cuts digits behind the dot where the factors have more than 38 together.
#}
{% macro factor_digits() -%}
    {{- adapter.dispatch('factor_digits', 'crm_kpis')() -}}
{%- endmacro %}

{% macro duckdb__factor_digits() -%} 20 {%- endmacro %}

{% macro default__factor_digits() -%} 18 {%- endmacro %}


{#
    An amount in the reporting currency; NULL where there is no rate.

        {{ to_reporting_currency('deals.amount', 'rates.rate') }} as amount
#}
{% macro to_reporting_currency(amount, rate) -%}
    try_cast(cast({{ amount }} as decimal({{ factor_digits() }}, 4)) * {{ rate }} as decimal(18, 4))
{%- endmacro %}


{#
    A DOUBLE as an amount with four digits. To round or cast it is not the same on all engines where the fifth digit is a 5.

        {{ to_amount('cast(deals.amount as double) * 0.3') }} as forecast_amount

    The greatest amount has more digits than a DOUBLE, which rounds it up to one too many: it stays the greatest.
#}
{% macro to_amount(number) -%}
    {%- set digits = 'least(floor(abs(' ~ number ~ ') * 10000 + 0.5), 999999999999999872)' -%}
    cast(cast(sign({{ number }}) * {{ digits }} as decimal(22, 0)) * cast(0.0001 as decimal(4, 4)) as decimal(18, 4))
{%- endmacro %}


{#
    The share of an amount that a part of the whole has, to four digits.

        {{ share_of_amount('orders.amount', 'weight', 'weight_of_order') }} as amount

    In DOUBLE, since the product of amount and weight may have more digits than a DECIMAL.
#}
{% macro share_of_amount(amount, part, whole) -%}
    {{ to_amount('(cast(' ~ amount ~ ' as double) * cast(' ~ part ~ ' as double) / cast(' ~ whole ~ ' as double))') }}
{%- endmacro %}


{# The setting reporting_currency as a literal, in upper case like the currencies that staging reads. #}
{% macro reporting_currency() -%}
    {{ dbt.string_literal(setting('reporting_currency') | upper) }}
{%- endmacro %}
