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
)

select
    kpi_measures.kpi_id,
    kpi_measures.measure,
    measure_inputs.choice,
    {{ dbt.listagg("measure_inputs.raw_table || '.' || measure_inputs.raw_column", "' or '", 'order by measure_inputs.raw_table, measure_inputs.raw_column') }} as raw_columns,
    max(column_counts.rows_filled) > 0 as is_filled
from kpi_measures
inner join measure_inputs on kpi_measures.measure = measure_inputs.measure
inner join column_counts
    on measure_inputs.raw_table = column_counts.raw_table and measure_inputs.raw_column = column_counts.column_name
group by kpi_measures.kpi_id, kpi_measures.measure, measure_inputs.choice
