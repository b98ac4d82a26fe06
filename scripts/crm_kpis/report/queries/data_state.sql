-- One row: how much of the raw data of the last publication was read and rejected, the worst reason, and what was missing or warned of.
with

runs as (
    select *
    from marts.runs
    order by published_at desc
    limit 1
),

tables as (
    select
        count(*) filter (where rows_read > 0) as tables_read,
        count(*) filter (where rows_read = 0) as missing_count,
        string_agg(raw_table, ', ' order by raw_table) filter (where rows_read = 0) as tables_missing
    from marts.raw_row_counts
),

reasons as (
    select
        raw_table,
        column_name,
        reason,
        count(*) as rejected
    from marts.rejected_records
    where is_whole_row
    group by raw_table, column_name, reason
),

worst as (
    select *
    from reasons
    order by rejected desc, raw_table, column_name, reason
    limit 1
)

select
    -- All of them, since a file that an earlier version published, and rollback has put back, lacks the newest.
    runs.*,
    tables.tables_read,
    tables.missing_count,
    tables.tables_missing,
    worst.raw_table as worst_table,
    worst.column_name as worst_column,
    worst.reason as worst_reason,
    worst.rejected as worst_rejected
from runs
cross join tables
left join worst on true
