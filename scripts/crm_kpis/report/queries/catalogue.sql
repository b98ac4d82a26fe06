-- One row per KPI of the catalogue, in its order, with what it lacks.
with

-- The seed's rows stand in the order in which they are meant to be read; no column says so.
catalogue as (
    select
        *,
        row_number() over () as place
    from marts.kpi_catalogue
),

-- Whose periods have no value, because the records do not reach them.
outside as (
    select
        kpi_id,
        min(period_start) as first_start,
        max(period_end) as last_end
    from marts.kpi_values
    where coverage = 'none' and segment_by = 'all'
    group by kpi_id
)

select
    catalogue.*,
    coalesce(coverage.has_values, false) as has_values,
    coverage.missing_columns,
    case when outside.first_start < coverage.known_from then coverage.known_from end as known_from,
    case when outside.last_end > coverage.known_until then coverage.known_until end as known_until,
    coverage.begun_until
from catalogue
left join outside on catalogue.kpi_id = outside.kpi_id
left join marts.kpi_coverage as coverage on catalogue.kpi_id = coverage.kpi_id
order by catalogue.place
