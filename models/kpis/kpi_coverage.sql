with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

kpi_inputs as (
    select * from {{ ref('kpi_inputs') }}
),

kpi_values as (
    select * from {{ ref('kpi_values') }}
),

spans as (
    select * from {{ ref('kpi_spans') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Two measures of a KPI may need the same.
inputs as (
    select distinct
        kpi_id,
        raw_columns,
        is_filled
    from kpi_inputs
),

columns_by_kpi as (
    select
        kpi_id,
        {{ dbt.listagg('raw_columns', "', '", 'order by raw_columns') }} as required_columns,
        {{ dbt.listagg('case when not is_filled then raw_columns end', "', '", 'order by raw_columns') }} as missing_columns
    from inputs
    group by kpi_id
),

counts as (
    select
        kpi_id,
        count(*) as kpi_rows,
        count(kpi_value) as rows_with_value,
        count(*) filter (where coverage = 'none') as rows_outside
    from kpi_values
    group by kpi_id
)

select
    catalogue.kpi_id,
    catalogue.area,
    coalesce(counts.rows_with_value, 0) > 0 as has_values,
    coalesce(counts.kpi_rows, 0) as kpi_rows,
    columns_by_kpi.required_columns,
    case
        when counts.rows_with_value > 0 then null
        when columns_by_kpi.missing_columns <> '' then columns_by_kpi.missing_columns
        when counts.rows_outside > 0 then 'the records are too short'
        else 'nothing happened that it measures'
    end as missing_columns,
    case when spans.covered_from > reporting_window.first_day then spans.covered_from end as known_from,
    case when spans.recorded_until < reporting_window.as_of then spans.recorded_until end as known_until,
    case when spans.begun_until < spans.recorded_until then spans.begun_until end as begun_until
from catalogue
cross join reporting_window
left join columns_by_kpi on catalogue.kpi_id = columns_by_kpi.kpi_id
left join counts on catalogue.kpi_id = counts.kpi_id
left join spans on catalogue.kpi_id = spans.kpi_id
