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

intervals_with_next as (
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
customers_gone as (
    select
        periods.period_id,
        periods.period_start,
        intervals_with_next.account_id,
        intervals_with_next.industry,
        intervals_with_next.country,
        intervals_with_next.company_size
    from intervals_with_next
    inner join period_days on intervals_with_next.active_until = period_days.day
    inner join periods on period_days.period_id = periods.period_id
    where intervals_with_next.next_active_from is null or intervals_with_next.next_active_from > periods.read_on
)

-- The start of a period is the end of the day before it.
select
    -- ids
    customers_gone.period_id,
    customers_gone.account_id,

    -- segments
    customers_gone.industry,
    customers_gone.country,
    customers_gone.company_size
from customers_gone
inner join intervals
    on
        customers_gone.account_id = intervals.account_id
        and customers_gone.period_start > intervals.active_from
        and customers_gone.period_start <= intervals.active_until
