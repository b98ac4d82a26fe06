-- One row per KPI and period: the total in the periods that the page shows, oldest first. A period that has not begun (a forecast has
-- such) is none of them; the last one may still run.
with

as_of as (
    select max(period_end) as day
    from marts.kpi_values
    where period_grain = 'all'
),

begun as (
    select
        kpi_values.*,
        row_number() over (partition by kpi_id, period_grain order by period_start desc) as age
    from marts.kpi_values as kpi_values
    cross join as_of
    where
        kpi_values.segment_by = 'all'
        and kpi_values.period_grain in ('month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
        and kpi_values.period_start <= as_of.day
)

select
    kpi_id,
    period_grain,
    period_name,
    period_start,
    period_end,
    is_complete,
    coverage,
    sample_size,
    kpi_value,
    interval_low,
    interval_high
from begun
where age <= case period_grain when 'month' then 13 when 'quarter' then 9 when 'fiscal_quarter' then 9 else 6 end
order by kpi_id, period_grain, period_start
