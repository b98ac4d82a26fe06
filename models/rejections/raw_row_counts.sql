with

rejected_rows as (
    select
        raw_table,
        count(*) as rows_rejected
    from {{ ref('rejected_rows') }}
    group by raw_table
),

rejected_values as (
    select
        raw_table,
        count(*) as values_rejected
    from {{ ref('rejected_values') }}
    group by raw_table
),

rows_read as (
    {% for table in raw_tables() %}
    select
        '{{ table }}' as raw_table,
        count(*) as rows_read
    from {{ source('raw', table) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

rows_staged as (
    {% for table in raw_tables() %}
    select
        '{{ table }}' as raw_table,
        count(*) as rows_staged
    from {{ ref('stg_' ~ table) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    rows_read.raw_table,
    rows_read.rows_read,
    rows_staged.rows_staged,
    coalesce(rejected_rows.rows_rejected, 0) as rows_rejected,
    coalesce(rejected_values.values_rejected, 0) as values_rejected
from rows_read
inner join rows_staged on rows_read.raw_table = rows_staged.raw_table
left join rejected_rows on rows_read.raw_table = rejected_rows.raw_table
left join rejected_values on rows_read.raw_table = rejected_values.raw_table
