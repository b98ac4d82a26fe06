with

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

business_hours as (
    select * from {{ source('settings', 'business_hours') }}
),

holidays as (
    select * from {{ source('settings', 'holidays') }}
),

-- A day more at each end: the business time zone may be a day ahead of the reporting time zone, or behind it.
days as (
    {{ days_of('reporting_window', add_days('first_day', -1), add_days('as_of', 1)) }}
),

weekdays as (
    select
        day,
        {{ days_between("cast(date_trunc('week', day) as date)", 'day') }} + 1 as iso_weekday
    from days
),

in_minutes as (
    select
        weekday,
        60 * cast(split_part(opens_at, ':', 1) as integer) + cast(split_part(opens_at, ':', 2) as integer) as opens_at_minute,
        60 * cast(split_part(closes_at, ':', 1) as integer) + cast(split_part(closes_at, ':', 2) as integer) as closes_at_minute
    from business_hours
),

-- In UTC, so that a day on which the clocks change is as long as it was.
weekdays_with_hours as (
    select
        weekdays.day,
        case
            when holidays.day is null then {{ wall_clock_to_utc('weekdays.day', 'in_minutes.opens_at_minute') }}
        end as opens_at,
        case
            when holidays.day is null then {{ wall_clock_to_utc('weekdays.day', 'in_minutes.closes_at_minute') }}
        end as closes_at
    from weekdays
    left join in_minutes on weekdays.iso_weekday = in_minutes.weekday
    left join holidays on weekdays.day = holidays.day
    -- Without business hours nothing can be said in them.
    where exists (select 1 from business_hours)
),

weekdays_with_seconds as (
    select
        day,
        opens_at,
        closes_at,
        coalesce({{ seconds_between('opens_at', 'closes_at') }}, 0) as business_seconds
    from weekdays_with_hours
)

select
    day,
    opens_at,
    closes_at,
    business_seconds,
    cast(
        coalesce(sum(business_seconds) over (order by day rows between unbounded preceding and 1 preceding), 0) as bigint
    ) as business_seconds_before
from weekdays_with_seconds
