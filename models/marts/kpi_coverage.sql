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

-- Two measures of a KPI may need the same.
inputs as (
    select distinct
        kpi_id,
        raw_columns,
        is_filled
    from kpi_inputs
),

needs as (
    select
        kpi_id,
        {{ dbt.listagg('raw_columns', "', '", 'order by raw_columns') }} as needs,
        {{ dbt.listagg('case when not is_filled then raw_columns end', "', '", 'order by raw_columns') }} as missing
    from inputs
    group by kpi_id
),

counts as (
    select
        kpi_id,
        count(*) as kpi_rows,
        count(kpi_value) as rows_with_value
    from kpi_values
    group by kpi_id
)

select
    catalogue.kpi_id,
    catalogue.area,
    coalesce(counts.rows_with_value, 0) > 0 as has_values,
    coalesce(counts.kpi_rows, 0) as kpi_rows,
    needs.needs,
    case
        when coalesce(counts.rows_with_value, 0) > 0 then null
        when needs.missing <> '' then needs.missing
        else 'nothing happened that it measures'
    end as missing
from catalogue
left join needs on catalogue.kpi_id = needs.kpi_id
left join counts on catalogue.kpi_id = counts.kpi_id
