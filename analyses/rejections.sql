-- What is worth mending in the CRM first? Rejected rows and values by table, column and reason, as a share of the table's rows.
-- `dbt show --select rejections` runs it.
with

rejected_rows as (
    select * from {{ ref('rejected_rows') }}
),

rejected_values as (
    select * from {{ ref('rejected_values') }}
),

raw_row_counts as (
    select * from {{ ref('raw_row_counts') }}
),

rejections as (
    select
        raw_table,
        column_name,
        reason,
        'row' as what
    from rejected_rows
    union all
    select
        raw_table,
        column_name,
        reason,
        'value' as what
    from rejected_values
),

counted as (
    select
        raw_table,
        column_name,
        reason,
        what,
        count(*) as rejections
    from rejections
    group by raw_table, column_name, reason, what
)

select
    counted.raw_table,
    counted.column_name,
    counted.reason,
    counted.what,
    counted.rejections,
    cast(counted.rejections as double) / nullif(raw_row_counts.rows_read, 0) as share_of_rows
from counted
inner join raw_row_counts on counted.raw_table = raw_row_counts.raw_table
order by share_of_rows desc nulls last, counted.raw_table asc, counted.column_name asc, counted.reason asc
