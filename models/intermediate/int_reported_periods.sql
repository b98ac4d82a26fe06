{% set fiscal_year_starts_in = setting('fiscal_year_starts_in') %}

with

periods as (
    select * from {{ ref('periods') }}
),

forecasts as (
    select * from {{ ref('fct_deal_forecasts') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- The first day that is not known yet, and the last one of the last month in which an open deal is expected to close.
days_ahead as (
    select
        {{ add_days('reporting_window.as_of', 1) }} as first_day,
        last_day(max(forecasts.expected_close_on)) as last_day
    from reporting_window
    inner join forecasts
        on
            forecasts.is_current
            and forecasts.expected_close_on <= cast(reporting_window.as_of + interval 24 month as date)
    group by reporting_window.as_of
),

days as (
    {{ days_of('days_ahead', 'first_day', 'last_day') }}
),

calendar as (
    select
        day,
        cast(extract(year from day) as {{ dbt.type_string() }}) as calendar_year,
        cast(extract(quarter from day) as {{ dbt.type_string() }}) as calendar_quarter,
        lpad(cast(extract(month from day) as {{ dbt.type_string() }}), 2, '0') as calendar_month
    from days
),

{% if fiscal_year_starts_in %}
-- Moved back as in dim_dates.
fiscal_months as (
    select
        day,
        cast(day - interval {{ fiscal_year_starts_in - 1 }} month as date) as fiscal_month
    from days
),
{% endif %}

-- Months, quarters and years, and fiscal ones, that begin on one of these days: the others run already.
periods_beginning as (
    select
        'month' as period_grain,
        calendar_year || '-' || calendar_month as period_name,
        day as period_start,
        last_day(day) as period_end
    from calendar
    where day = cast(date_trunc('month', day) as date)
    union all
    select
        'quarter' as period_grain,
        calendar_year || '-Q' || calendar_quarter as period_name,
        day as period_start,
        last_day(cast(day + interval 2 month as date)) as period_end
    from calendar
    where day = cast(date_trunc('quarter', day) as date)
    union all
    select
        'year' as period_grain,
        calendar_year as period_name,
        day as period_start,
        last_day(cast(day + interval 11 month as date)) as period_end
    from calendar
    where day = cast(date_trunc('year', day) as date)
    {% if fiscal_year_starts_in %}
    union all
    select
        'fiscal_quarter' as period_grain,
        'FY' || cast(extract(year from fiscal_month) + 1 as {{ dbt.type_string() }})
        || '-Q' || cast(extract(quarter from fiscal_month) as {{ dbt.type_string() }}) as period_name,
        day as period_start,
        last_day(cast(day + interval 2 month as date)) as period_end
    from fiscal_months
    where fiscal_month = cast(date_trunc('quarter', fiscal_month) as date)
    union all
    select
        'fiscal_year' as period_grain,
        'FY' || cast(extract(year from fiscal_month) + 1 as {{ dbt.type_string() }}) as period_name,
        day as period_start,
        last_day(cast(day + interval 11 month as date)) as period_end
    from fiscal_months
    where fiscal_month = cast(date_trunc('year', fiscal_month) as date)
    {% endif %}
),

known_periods as (
    select count(*) as periods_until_as_of from periods
)

select
    period_id,
    period_grain,
    period_name,
    period_start,
    period_end,
    read_on,
    is_complete
from periods
union all
select
    known_periods.periods_until_as_of
    + row_number() over (order by periods_beginning.period_grain, periods_beginning.period_start) as period_id,
    periods_beginning.period_grain,
    periods_beginning.period_name,
    periods_beginning.period_start,
    periods_beginning.period_end,
    cast(null as date) as read_on,
    false as is_complete
from periods_beginning
cross join known_periods
