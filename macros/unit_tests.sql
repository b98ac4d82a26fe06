{#
    What dbt makes of the given rows of a unit test. dbt casts them to the types that the input has in the warehouse; those of a raw table are
    the types of the files read last, which are native types where they are Parquet, and no text such as "soon" could be given as a time.
    So the rows of a raw table are text here, as from CSV, and the same whatever was read last.
#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
    {{ return(raw_fixture_sql(rows) if this.schema in ['raw', target.schema ~ '_raw'] else dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
{%- endmacro %}

{% macro raw_fixture_sql(rows) -%}
    {%- set columns = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
    {%- for row in rows or [{}] %}
    {%- for column in row if column not in columns %}
        {{ exceptions.raise_compiler_error("unit test: the raw table " ~ this.identifier ~ " has no column " ~ column) }}
    {%- endfor %}
    select
        {%- for column in columns %}
        {%- set literal = 'null' if row.get(column) is none else dbt.string_literal(dbt.escape_single_quotes(row[column] | string)) %}
        cast({{ literal }} as {{ 'bigint' if column == '_row_number' else dbt.type_string() }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'limit 0' if not rows }}
{%- endmacro %}
