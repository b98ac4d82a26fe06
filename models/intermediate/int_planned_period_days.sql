with

int_reported_periods as (
    select * from {{ ref('int_reported_periods') }}
),

planned_days as (
    select distinct expected_close_on as day
    from {{ ref('fct_deal_forecasts') }}
    where is_current
),

-- What is planned for a month that is not reported on is in no longer period either.
reported_days as (
    select planned_days.day
    from planned_days
    inner join int_reported_periods
        on
            int_reported_periods.period_grain = 'month'
            and planned_days.day between int_reported_periods.period_start and int_reported_periods.period_end
)

select
    reported_days.day,
    int_reported_periods.period_id
from reported_days
inner join int_reported_periods on reported_days.day between int_reported_periods.period_start and int_reported_periods.period_end
