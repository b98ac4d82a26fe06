with

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

periods as (
    select * from {{ ref('periods') }}
),

period_days as (
    select * from {{ ref('period_days') }}
),

followed as (
    select
        account_id,
        industry,
        country,
        company_size,
        active_until,
        lead(active_from) over (partition by account_id order by active_from) as next_active_from
    from intervals
),

-- Who ceases to be a customer within a period and is none at its end.
gone as (
    select
        periods.period_id,
        periods.period_start,
        followed.account_id,
        followed.industry,
        followed.country,
        followed.company_size
    from followed
    inner join period_days on followed.active_until = period_days.day
    inner join periods on period_days.period_id = periods.period_id
    where followed.next_active_from is null or followed.next_active_from > periods.read_on
)

-- The start of a period is the end of the day before it.
select
    -- ids
    gone.period_id,
    gone.account_id,

    -- segments
    gone.industry,
    gone.country,
    gone.company_size
from gone
inner join intervals
    on
        gone.account_id = intervals.account_id
        and gone.period_start > intervals.active_from
        and gone.period_start <= intervals.active_until
