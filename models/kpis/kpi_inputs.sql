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

emails as (
    select * from {{ ref('fct_emails') }}
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
        measure_inputs.raw_table || '.' || measure_inputs.raw_column as raw_column,
        column_counts.rows_filled
    from kpi_measures
    inner join measure_inputs on kpi_measures.measure = measure_inputs.measure
    inner join column_counts
        on measure_inputs.raw_table = column_counts.raw_table and measure_inputs.raw_column = column_counts.column_name
),

-- What a column that is filled may fail to tell all the same: whether e-mails were delivered.
deliveries as (
    select
        'email_events.event_type (delivered or bounced)' as raw_column,
        count(is_delivered) as rows_filled
    from emails
),

all_counts as (
    select
        kpi_id,
        measure,
        input_number,
        raw_column,
        rows_filled
    from with_counts
    union all
    select
        kpi_measures.kpi_id,
        kpi_measures.measure,
        2 as input_number,
        deliveries.raw_column,
        deliveries.rows_filled
    from kpi_measures
    cross join deliveries
    where kpi_measures.measure = 'emails_delivered'
)

select
    kpi_id,
    measure,
    input_number,
    {{ dbt.listagg('raw_column', "' or '", 'order by raw_column') }} as raw_columns,
    max(rows_filled) > 0 as is_filled
from all_counts
group by kpi_id, measure, input_number
