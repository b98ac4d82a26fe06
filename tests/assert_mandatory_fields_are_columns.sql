-- A mandatory field is one of the columns whose completeness is computed.
with

record_fields (raw_table, column_name) as (
    values
    {% for table, columns in record_fields().items() %}
    {% set table_loop = loop %}
    {% for column in columns %}
    ('{{ table }}', '{{ column }}'){{ ',' if not (loop.last and table_loop.last) }}
    {% endfor %}
    {% endfor %}
)

select
    mandatory_fields.raw_table,
    mandatory_fields.column_name
from {{ ref('mandatory_fields') }} as mandatory_fields
left join record_fields
    on mandatory_fields.raw_table = record_fields.raw_table and mandatory_fields.column_name = record_fields.column_name
where record_fields.column_name is null
