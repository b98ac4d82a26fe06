with

activities as (
    select * from {{ ref('fct_activities') }}
),

users as (
    select * from {{ ref('dim_users') }}
    where user_id not in ('(none)', '(unknown)')
),

periods as (
    select * from {{ ref('periods') }}
),

period_days as (
    select * from {{ ref('period_days') }}
),

first_activity as (
    select min(occurred_on) as day
    from activities
),

logged_by_day as (
    select
        owner_id,
        occurred_on,
        count(*) filter (where not is_automated) as activities_by_hand
    from activities
    group by owner_id, occurred_on
),

activities_logged as (
    select
        period_days.period_id,
        logged_by_day.owner_id,
        cast(sum(logged_by_day.activities_by_hand) as bigint) as activities_by_hand
    from logged_by_day
    inner join period_days on logged_by_day.occurred_on = period_days.day
    group by period_days.period_id, logged_by_day.owner_id
),

channels_by_day as (
    select distinct
        owner_id,
        occurred_on,
        channel
    from activities
    where direction = 'internal'
),

channels as (
    select
        period_days.period_id,
        channels_by_day.owner_id,
        count(distinct case when channels_by_day.channel <> '(none)' then channels_by_day.channel end) as internal_channels
    from channels_by_day
    inner join period_days on channels_by_day.occurred_on = period_days.day
    group by period_days.period_id, channels_by_day.owner_id
),

-- Before the first activity of all nothing was recorded yet: no period that ends before it.
employee_periods as (
    select
        periods.period_id,
        users.user_id,
        users.team,
        (users.hired_on is null or users.hired_on <= periods.read_on)
        and (users.left_on is null or users.left_on >= periods.period_start) as is_employed
    from users
    cross join periods
    inner join first_activity on periods.read_on >= first_activity.day
)

select
    -- ids
    employee_periods.period_id,
    employee_periods.user_id,

    -- segments
    employee_periods.team,

    -- numerics
    coalesce(activities_logged.activities_by_hand, 0) as activities_by_hand,
    channels.internal_channels,

    -- booleans
    employee_periods.is_employed,
    activities_logged.owner_id is not null as is_active
from employee_periods
left join activities_logged
    on employee_periods.period_id = activities_logged.period_id and employee_periods.user_id = activities_logged.owner_id
left join channels
    on employee_periods.period_id = channels.period_id and employee_periods.user_id = channels.owner_id
where employee_periods.is_employed or activities_logged.owner_id is not null
