with

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

days as (
    {{ days_of('reporting_window', 'first_day', 'as_of') }}
)

select
    day,
    cast(extract(year from day) as bigint) as calendar_year,
    cast(extract(quarter from day) as bigint) as calendar_quarter,
    cast(extract(month from day) as bigint) as calendar_month,
    cast(date_trunc('week', day) as date) as week_start,
    cast(date_trunc('month', day) as date) as month_start,
    cast(date_trunc('quarter', day) as date) as quarter_start,
    cast(date_trunc('year', day) as date) as year_start
from days
