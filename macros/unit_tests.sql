{#
    How dbt's unit tests are made into SQL.

    Macros: get_fixture_sql, raw_fixture_sql, typed_fixture_sql, typed_row, types_of.
#}

{#
    What dbt makes of the given rows of a unit test. dbt casts them to the types that the input has in the warehouse; those of a raw table are
    the types of the files read last, which are native types where they are Parquet, and no text such as "soon" could be given as a time.
    So the rows of a raw table are text here, as from CSV, and the same whatever was read last.
#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
    {%- if this.schema in ['raw', target.schema ~ '_raw'] -%}
        {{ return(raw_fixture_sql(rows)) }}
    {%- endif -%}
    {{ return(typed_fixture_sql(rows, column_name_to_data_types)) }}
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


{#
    The given rows of a unit test, cast to the types that the input has in the warehouse. dbt's own macro asks for them and casts each cell by
    macros of its own, which takes longer than the test itself.
#}
{% macro typed_fixture_sql(rows, column_name_to_data_types) -%}
    {{ return(adapter.dispatch('typed_fixture_sql', 'crm_kpis')(rows, column_name_to_data_types)) }}
{%- endmacro %}

{% macro duckdb__typed_fixture_sql(rows, column_name_to_data_types) -%}
    {%- set types = crm_kpis.types_of(this) -%}
    {%- for row in rows or [{}] %}
    select {{ crm_kpis.typed_row(row, types, "'" ~ this.identifier ~ "'", types) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'limit 0' if not rows }}
{%- endmacro %}

{% macro default__typed_fixture_sql(rows, column_name_to_data_types) -%}
    {{ return(dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
{%- endmacro %}


{#
    One row of a unit test as the columns of a select.

    row      what is given, by column, in any case
    types    the type of each column that there is
    about    what the row is one of, for the message where a column is not there
    columns  the columns to render; NULL where nothing is given
#}
{% macro typed_row(row, types, about, columns) -%}
    {%- set given, cells = {}, [] -%}
    {%- for column, value in row.items() -%}
        {%- if column | lower not in types -%}
            {{ exceptions.raise_compiler_error(
                "Invalid column name: '" ~ column ~ "' in unit test fixture for " ~ about ~ ".\nAccepted columns are: " ~ (types | list)
            ) }}
        {%- endif -%}
        {%- set literal = "'" ~ value | replace("'", "''") ~ "'" if value is string else 'null' if value is none else value -%}
        {%- do given.update({column | lower: literal}) -%}
    {%- endfor -%}
    {%- for column in columns -%}
        {%- do cells.append('cast(' ~ given.get(column, 'null') ~ ' as ' ~ types[column] ~ ') as "' ~ column ~ '"') -%}
    {%- endfor -%}
    {{ return(cells | join(', ')) }}
{%- endmacro %}


{# The type of each column of a table or view in the warehouse, by the column's name in lower case. #}
{% macro types_of(relation) -%}
    {%- set types = {} -%}
    {%- for column in run_query('describe ' ~ relation) -%}
        {%- do types.update({column[0] | lower: column[1]}) -%}
    {%- endfor -%}
    {{ return(types) }}
{%- endmacro %}
