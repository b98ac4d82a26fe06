-- A returned row is an entity or a raw table of a source whose landed rows are neither all kept nor left out for a reason.
with

source_rows as (
    select * from {{ source('landed', 'source_rows') }}
),

rows_left_out as (
    select
        source,
        level,
        name,
        sum(row_count) as row_count
    from {{ source('landed', 'source_rows_left_out') }}
    group by source, level, name
)

select
    source_rows.source,
    source_rows.level,
    source_rows.name,
    source_rows.rows_landed,
    source_rows.rows_kept,
    coalesce(rows_left_out.row_count, 0) as rows_left_out
from source_rows
left join rows_left_out
    on
        source_rows.source = rows_left_out.source
        and source_rows.level = rows_left_out.level
        and source_rows.name = rows_left_out.name
where source_rows.rows_landed <> source_rows.rows_kept + coalesce(rows_left_out.row_count, 0)
