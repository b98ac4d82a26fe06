with

rejected_rows as (
    select * from {{ ref('rejected_rows') }}
),

rejected_values as (
    select * from {{ ref('rejected_values') }}
),

personal_values as (
    select * from {{ source('personal', 'personal_values') }}
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
    every_rejection.raw_table,
    every_rejection.row_number,
    {{ without_contact_details('every_rejection.row_key') }} as row_key,
    every_rejection.column_name,
    every_rejection.reason,
    case
        when
            every_rejection.raw_table || '.' || every_rejection.column_name not in (
                {%- for column in (personal_columns() if execute else ['none']) %}
                '{{ column }}'{{ ',' if not loop.last }}
                {%- endfor %}
            )
            then coalesce(
                case when personal_values.personal_value is not null then '(name)' end,
                {{ without_contact_details('every_rejection.raw_value') }}
            )
    end as raw_value,
    every_rejection.is_whole_row
from every_rejection
left join personal_values
    on lower(trim(every_rejection.raw_value)) = personal_values.personal_value
