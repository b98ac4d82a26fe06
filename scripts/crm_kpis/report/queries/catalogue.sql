-- One row per KPI of the catalogue, in its order, with what it lacks.
with

-- The seed's rows stand in the order in which they are meant to be read; no column says so.
catalogue as (
    select
        *,
        row_number() over () as place
    from marts.kpi_catalogue
)

select
    catalogue.*,
    coalesce(coverage.has_values, false) as has_values,
    coverage.missing_columns,
    coverage.known_from
from catalogue
left join marts.kpi_coverage as coverage on catalogue.kpi_id = coverage.kpi_id
order by catalogue.place
