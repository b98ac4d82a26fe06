{#
    What dbt-spark leaves out or does in a way that loses something. dbt calls these macros by itself.

    Macros: spark__listagg, spark__escape_single_quotes, spark__load_csv_rows, spark__get_test_sql.
#}

{# dbt-spark's leaves out the order. Spark has listagg from 4.0 on. #}
{% macro spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- if limit_num -%}
        {{ exceptions.raise_compiler_error("listagg: Spark knows no limit") }}
    {%- endif -%}
    listagg({{ measure }}, {{ delimiter_text }}){{ ' within group (' ~ order_by_clause ~ ')' if order_by_clause }}
{%- endmacro %}


{# In a literal of Spark's a backslash escapes what follows. #}
{% macro spark__escape_single_quotes(expression) -%}
    {{ expression | replace('\\', '\\\\') | replace("'", "\\'") }}
{%- endmacro %}


{# dbt-spark's writes the values as they stand, quotes and all, and NULL as a word. #}
{% macro spark__load_csv_rows(model, agate_table) %}
    {% set types = model.config.get('column_types', {}) %}
    {% set statements = [] %}
    {% for chunk in agate_table.rows | batch(1000) %}
        {% set sql %}
insert into {{ this.render() }} values
{%- for row in chunk %}
({%- for name in agate_table.column_names -%}
    {%- set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
    cast({{ 'null' if row[name] is none else dbt.string_literal(dbt.escape_single_quotes(row[name] | string)) }} as {{ type }})
    {{- ', ' if not loop.last }}
{%- endfor -%}){{ ',' if not loop.last }}
{%- endfor %}
        {% endset %}
        {% do adapter.add_query(sql, abridge_sql_log=True) %}
        {% do statements.append(sql) %}
    {% endfor %}
    {{ return(statements[0] or '') }}
{% endmacro %}


{# A data test reads small tables as models do. #}
{% macro spark__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {{ crm_kpis.read_at_once(dbt.default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit)) }}
{%- endmacro %}
