with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

measure_inputs as (
    select * from {{ ref('measure_inputs') }}
),

column_counts as (
    select * from {{ ref('raw_column_counts') }}
),

kpi_measures as (
    select
        kpi_id,
        numerator as measure
    from catalogue
    union
    select
        kpi_id,
        denominator as measure
    from catalogue
    where denominator is not null
),

with_counts as (
    select
        kpi_measures.kpi_id,
        kpi_measures.measure,
        measure_inputs.input_number,
        measure_inputs.raw_table || '.' || measure_inputs.raw_column
        || coalesce(' (' || measure_inputs.accepted_value || ')', '') as raw_column,
        column_counts.is_booked_by_month,
        column_counts.rows_filled,
        column_counts.first_day,
        column_counts.last_day,
        column_counts.day_count,
        column_counts.longest_silence
    from kpi_measures
    inner join measure_inputs on kpi_measures.measure = measure_inputs.measure
    inner join column_counts
        on
            measure_inputs.raw_table = column_counts.raw_table
            and measure_inputs.raw_column = column_counts.column_name
            and measure_inputs.accepted_value is not distinct from column_counts.accepted_value
)

select
    kpi_id,
    measure,
    input_number,
    {{ dbt.listagg('raw_column', "' or '", 'order by raw_column') }} as raw_columns,
    max(rows_filled) > 0 as is_filled,
    bool_and(is_booked_by_month) as is_booked_by_month,
    min(first_day) as first_day,
    max(last_day) as last_day,
    max(day_count) as day_count,
    min(longest_silence) as longest_silence
from with_counts
group by kpi_id, measure, input_number
