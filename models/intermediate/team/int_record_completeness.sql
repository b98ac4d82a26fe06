with

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

mandatory_fields as (
    select * from {{ source('settings', 'mandatory_fields') }}
),

-- By table: the records of each day, and how many of them hold a value in each column.
{% for table, columns in record_fields().items() %}
{{ table }} as (
    select
        {{ local_date('created_at') }} as created_on,
        {% for column in columns %}
        count({{ column }}) as {{ column }},
        {% endfor %}
        count(*) as records
    from {{ ref('stg_' ~ table) }}
    group by {{ local_date('created_at') }}
),
{% endfor %}

columns_counted as (
    {% for table, columns in record_fields().items() %}
    select
        '{{ table }}' as raw_table,
        column_name,
        created_on,
        records,
        records_filled
    from {{ table }}
    unpivot include nulls (records_filled for column_name in ({{ columns | join(', ') }}))
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A column without a single value is as good as missing: nobody can be asked to fill in what the export lacks.
columns_exported as (
    select
        raw_table,
        column_name
    from columns_counted
    where records_filled > 0
    group by raw_table, column_name
)

select
    -- ids
    columns_counted.raw_table,
    columns_counted.column_name,

    -- dates
    columns_counted.created_on,

    -- numerics
    columns_counted.records,
    columns_counted.records_filled
from columns_counted
inner join mandatory_fields
    on columns_counted.raw_table = mandatory_fields.raw_table and columns_counted.column_name = mandatory_fields.column_name
inner join columns_exported
    on columns_counted.raw_table = columns_exported.raw_table and columns_counted.column_name = columns_exported.column_name
inner join reporting_window on columns_counted.created_on <= reporting_window.as_of
