-- Weekdays are 1 to 7; times are HH:MM, the earlier one first, 24:00 at the latest.
with

business_hours as (
    select * from {{ ref('business_hours') }}
),

parsed as (
    select
        *,
        try_cast(split_part(opens_at, ':', 1) as integer) as opens_at_hour,
        try_cast(split_part(opens_at, ':', 2) as integer) as opens_at_minute,
        try_cast(split_part(closes_at, ':', 1) as integer) as closes_at_hour,
        try_cast(split_part(closes_at, ':', 2) as integer) as closes_at_minute
    from business_hours
)

select
    weekday,
    opens_at,
    closes_at
from parsed
where
    coalesce(
        weekday between 1 and 7
        and opens_at like '__:__'
        and closes_at like '__:__'
        and opens_at_minute between 0 and 59
        and closes_at_minute between 0 and 59
        and opens_at_hour >= 0
        and opens_at < closes_at
        and closes_at <= '24:00',
        false
    ) = false
