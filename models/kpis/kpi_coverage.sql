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

int_known_costs as (
    select * from {{ ref('int_known_costs') }}
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

-- What is divided by a cost, or into one, is told from the first known cost on.
costs as (
    select
        'marketing_spend' as measure,
        marketing_spend_known_from as known_from
    from int_known_costs
    union all
    select
        'acquisition_cost' as measure,
        acquisition_cost_known_from as known_from
    from int_known_costs
    union all
    select
        'yearly_cost_per_new_customer' as measure,
        acquisition_cost_known_from as known_from
    from int_known_costs
    union all
    select
        'retention_cost' as measure,
        retention_cost_known_from as known_from
    from int_known_costs
),

-- Costs that are there from the beginning keep nothing back.
starts as (
    select
        catalogue.kpi_id,
        costs.known_from
    from catalogue
    inner join costs on catalogue.numerator = costs.measure or catalogue.denominator = costs.measure
    inner join reporting_window on costs.known_from > reporting_window.first_day
    where catalogue.aggregation = 'ratio'
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
    columns_by_kpi.required_columns,
    case
        when coalesce(counts.rows_with_value, 0) > 0 then null
        when columns_by_kpi.missing_columns <> '' then columns_by_kpi.missing_columns
        else 'nothing happened that it measures'
    end as missing_columns,
    starts.known_from
from catalogue
left join columns_by_kpi on catalogue.kpi_id = columns_by_kpi.kpi_id
left join counts on catalogue.kpi_id = counts.kpi_id
left join starts on catalogue.kpi_id = starts.kpi_id
