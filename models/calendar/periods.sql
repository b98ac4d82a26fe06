with

dates as (
    select * from {{ ref('dim_dates') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

named_periods as (
    select * from {{ source('settings', 'named_periods') }}
),

-- The ISO year of a week is the year of its Thursday.
weeks as (
    select distinct
        'week' as period_grain,
        cast(extract(year from {{ add_days('week_start', 3) }}) as {{ dbt.type_string() }})
        || '-W' || lpad(cast(date_part('week', week_start) as {{ dbt.type_string() }}), 2, '0') as period_name,
        week_start as period_start,
        {{ add_days('week_start', 6) }} as period_end
    from dates
),

months as (
    select distinct
        'month' as period_grain,
        cast(calendar_year as {{ dbt.type_string() }})
        || '-' || lpad(cast(calendar_month as {{ dbt.type_string() }}), 2, '0') as period_name,
        month_start as period_start,
        last_day(month_start) as period_end
    from dates
),

quarters as (
    select distinct
        'quarter' as period_grain,
        cast(calendar_year as {{ dbt.type_string() }})
        || '-Q' || cast(calendar_quarter as {{ dbt.type_string() }}) as period_name,
        quarter_start as period_start,
        last_day(cast(quarter_start + interval 2 month as date)) as period_end
    from dates
),

years as (
    select distinct
        'year' as period_grain,
        cast(calendar_year as {{ dbt.type_string() }}) as period_name,
        year_start as period_start,
        last_day(cast(year_start + interval 11 month as date)) as period_end
    from dates
),

fiscal_quarters as (
    select distinct
        'fiscal_quarter' as period_grain,
        'FY' || cast(fiscal_year as {{ dbt.type_string() }})
        || '-Q' || cast(fiscal_quarter as {{ dbt.type_string() }}) as period_name,
        fiscal_quarter_start as period_start,
        last_day(cast(fiscal_quarter_start + interval 2 month as date)) as period_end
    from dates
    where fiscal_year is not null
),

fiscal_years as (
    select distinct
        'fiscal_year' as period_grain,
        'FY' || cast(fiscal_year as {{ dbt.type_string() }}) as period_name,
        fiscal_year_start as period_start,
        last_day(cast(fiscal_year_start + interval 11 month as date)) as period_end
    from dates
    where fiscal_year is not null
),

all_days as (
    select
        'all' as period_grain,
        'all' as period_name,
        first_day as period_start,
        as_of as period_end
    from reporting_window
),

-- A named period has its dates, or it is the last so many days up to as_of. An open end is as_of.
resolved_named as (
    select
        'named' as period_grain,
        named_periods.period_name,
        coalesce(named_periods.starts_on, {{ add_days('reporting_window.as_of', '1 - named_periods.last_days') }}) as period_start,
        coalesce(named_periods.ends_on, reporting_window.as_of) as period_end
    from named_periods
    cross join reporting_window
),

overlapping_named as (
    select
        resolved_named.period_grain,
        resolved_named.period_name,
        resolved_named.period_start,
        resolved_named.period_end
    from resolved_named
    cross join reporting_window
    where
        resolved_named.period_start <= reporting_window.as_of
        and resolved_named.period_end >= reporting_window.first_day
),

every_period as (
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from weeks
    union all
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from months
    union all
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from quarters
    union all
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from years
    union all
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from fiscal_quarters
    union all
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from fiscal_years
    union all
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from all_days
    union all
    select
        period_grain,
        period_name,
        period_start,
        period_end
    from overlapping_named
)

select
    row_number() over (
        order by every_period.period_grain, every_period.period_start, every_period.period_name
    ) as period_id,
    every_period.period_grain,
    every_period.period_name,
    every_period.period_start,
    every_period.period_end,
    least(every_period.period_end, reporting_window.as_of) as read_on,
    every_period.period_end <= reporting_window.as_of as is_complete
from every_period
cross join reporting_window
