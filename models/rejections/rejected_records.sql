with

rejected_rows as (
    select * from {{ ref('rejected_rows') }}
),

rejected_values as (
    select * from {{ ref('rejected_values') }}
),

every_rejection as (
    select
        raw_table,
        row_number,
        row_key,
        column_name,
        reason,
        {{ value_in_row('raw_row', 'column_name') }} as raw_value,
        true as is_whole_row
    from rejected_rows
    union all
    select
        raw_table,
        row_number,
        row_key,
        column_name,
        reason,
        raw_value,
        false as is_whole_row
    from rejected_values
)

select
    raw_table,
    row_number,
    {{ without_addresses('row_key') }} as row_key,
    column_name,
    reason,
    case
        when
            raw_table || '.' || column_name not in (
                {%- for column in (personal_columns() if execute else ['none']) %}
                '{{ column }}'{{ ',' if not loop.last }}
                {%- endfor %}
            )
            then {{ without_addresses('raw_value') }}
    end as raw_value,
    is_whole_row
from every_rejection
