-- Nothing is dropped silently: each row that was read is staged, or rejected with a reason.
select
    raw_table,
    rows_read,
    rows_staged,
    rows_rejected
from {{ ref('raw_row_counts') }}
where rows_read <> rows_staged + rows_rejected
