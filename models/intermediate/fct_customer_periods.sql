with

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

periods as (
    select * from {{ ref('periods') }}
),

-- The start of a period is the end of the day before it.
active_at_start as (
    select
        periods.period_id,
        intervals.account_id,
        intervals.industry,
        intervals.country,
        intervals.company_size
    from periods
    inner join intervals
        on
            periods.period_start > intervals.active_from
            and (intervals.active_until is null or periods.period_start <= intervals.active_until)
),

active_at_end as (
    select
        periods.period_id,
        intervals.account_id
    from periods
    inner join intervals
        on
            periods.read_on >= intervals.active_from
            and (intervals.active_until is null or periods.read_on < intervals.active_until)
)

select
    -- ids
    active_at_start.period_id,
    active_at_start.account_id,

    -- segments
    active_at_start.industry,
    active_at_start.country,
    active_at_start.company_size,

    -- booleans
    active_at_end.account_id is not null as is_retained
from active_at_start
left join active_at_end
    on
        active_at_start.period_id = active_at_end.period_id
        and active_at_start.account_id = active_at_end.account_id
