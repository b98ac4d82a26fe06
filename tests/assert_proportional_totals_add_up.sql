-- What the catalogue says of the length of a period: a total that is proportional to it is, over a year that is over, the sum of its
-- months. A stock that said so would be compared per day. Where the records leave out a part of the year, a month may have no value.
with

totals as (
    select
        kpi_values.*,
        extract(year from kpi_values.period_start) as calendar_year
    from {{ ref('kpi_values') }} as kpi_values
    inner join {{ ref('kpi_catalogue') }} as catalogue on kpi_values.kpi_id = catalogue.kpi_id
    where
        catalogue.aggregation = 'total'
        and catalogue.length_effect = 'proportional'
        and kpi_values.segment_by = 'all'
        and kpi_values.is_complete
),

months as (
    select
        kpi_id,
        calendar_year,
        sum(cast(kpi_value as decimal(38, 6))) as kpi_value
    from totals
    where period_grain = 'month'
    group by kpi_id, calendar_year
)

select
    years.kpi_id,
    years.period_name,
    years.kpi_value,
    months.kpi_value as sum_of_months
from totals as years
inner join months on years.kpi_id = months.kpi_id and years.calendar_year = months.calendar_year
where
    years.period_grain = 'year'
    and years.covered_share >= 0.95
    and abs(years.kpi_value - cast(months.kpi_value as double)) > 0.001 + 0.000000001 * abs(years.kpi_value)
