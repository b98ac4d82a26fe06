-- Which lead source brings customers? Leads of the last complete year by source: how many, how many of them became customers, and the
-- 95 % interval of that rate, from the best to the worst. `dbt show --select lead_sources` runs it.
with

kpi_values as (
    select * from {{ ref('kpi_values') }}
),

last_year as (
    select max(period_name) as period_name
    from kpi_values
    where period_grain = 'year' and is_complete
),

by_source as (
    select
        segment as source,
        period_name,
        denominator as leads,
        numerator as customers,
        kpi_value as conversion_rate,
        interval_low,
        interval_high
    from kpi_values
    where
        kpi_id = 'lead_conversion_rate'
        and period_grain = 'year'
        and segment_by = 'source'
)

select
    by_source.source,
    by_source.leads,
    by_source.customers,
    by_source.conversion_rate,
    by_source.interval_low,
    by_source.interval_high
from by_source
inner join last_year on by_source.period_name = last_year.period_name
order by by_source.conversion_rate desc nulls last, by_source.source asc
