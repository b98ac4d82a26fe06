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
        measure_inputs.choice,
        measure_inputs.raw_table || '.' || measure_inputs.raw_column as raw_column,
        column_counts.rows_filled
    from kpi_measures
    inner join measure_inputs on kpi_measures.measure = measure_inputs.measure
    inner join column_counts
        on measure_inputs.raw_table = column_counts.raw_table and measure_inputs.raw_column = column_counts.column_name
)

select
    kpi_id,
    measure,
    choice,
    {{ dbt.listagg('raw_column', "' or '", 'order by raw_column') }} as raw_columns,
    max(rows_filled) > 0 as is_filled
from with_counts
group by kpi_id, measure, choice
