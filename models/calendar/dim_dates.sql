{% set fiscal_year_starts_in = setting('fiscal_year_starts_in') %}

with

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

days as (
    {{ days_of('reporting_window', 'first_day', 'as_of') }}
),

-- Moved back by the months before it starts, a fiscal year is a calendar year.
days_with_fiscal_month as (
    select
        day,
        {% if fiscal_year_starts_in %}
        cast(date_trunc('month', day) - interval {{ fiscal_year_starts_in - 1 }} month as date) as fiscal_month
        {% else %}
        cast(null as date) as fiscal_month
        {% endif %}
    from days
)

select
    day,
    cast(extract(year from day) as bigint) as calendar_year,
    cast(extract(quarter from day) as bigint) as calendar_quarter,
    cast(extract(month from day) as bigint) as calendar_month,
    cast(date_trunc('week', day) as date) as week_start,
    cast(date_trunc('month', day) as date) as month_start,
    cast(date_trunc('quarter', day) as date) as quarter_start,
    cast(date_trunc('year', day) as date) as year_start,
    cast(extract(year from fiscal_month) + 1 as bigint) as fiscal_year,
    cast(extract(quarter from fiscal_month) as bigint) as fiscal_quarter,
    cast(date_trunc('quarter', fiscal_month) + interval {{ (fiscal_year_starts_in or 1) - 1 }} month as date) as fiscal_quarter_start,
    cast(date_trunc('year', fiscal_month) + interval {{ (fiscal_year_starts_in or 1) - 1 }} month as date) as fiscal_year_start
from days_with_fiscal_month
