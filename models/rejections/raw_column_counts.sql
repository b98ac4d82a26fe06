{# One count of values per column of the contract, in one pass over each table. A row without a required value is in no staging table. #}
with

{% for table in raw_tables() %}
{{ table }} as (
    select
        {%- if execute %}
        {%- for column in raw_table(table).columns.values() %}
        count({{ '*' if column.config.meta.required else column.name }}) as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
        {%- endif %}
    from {{ ref('stg_' ~ table) }}
){{ ',' if not loop.last }}
{% endfor %}

{% for table in raw_tables() %}
select
    '{{ table }}' as raw_table,
    column_name,
    rows_filled
from {{ table }}
unpivot include nulls (rows_filled for column_name in ({{ (raw_table(table).columns | join(', ')) if execute }}))
{{ 'union all' if not loop.last }}
{% endfor %}
