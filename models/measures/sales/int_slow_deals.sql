with

intervals as (
    select * from {{ ref('int_open_deal_intervals') }}
),

periods as (
    select * from {{ ref('periods') }}
),

wins as (
    select
        period_id,
        cast(max(value) filter (where measure = 'won_deals_with_cycle_in_365_days') as bigint) as won_deals_with_cycle,
        cast(max(value) filter (where measure = 'sales_cycle_days_in_365_days') as bigint) as sales_cycle_days
    from {{ ref('measures_deals_closed_in_365_days') }}
    where segment_by = 'all'
    group by period_id
),

read_days as (
    select distinct
        periods.read_on,
        wins.won_deals_with_cycle,
        wins.sales_cycle_days
    from periods
    left join wins on periods.period_id = wins.period_id
),

days_followed as (
    select
        *,
        row_number() over (order by read_on) as place,
        lead(read_on, 1, cast('2101-01-01' as date)) over (order by read_on) as next_read_on
    from read_days
),

first_touches as (
    select distinct first_touch_on from intervals
),

-- Deals of one first touch are slow together. Older than the mean: the age times the wins is more than their cycles together, and so never
-- where nothing was won.
slow_days as (
    select
        first_touches.first_touch_on,
        days_followed.read_on,
        days_followed.next_read_on,
        days_followed.place - row_number() over (partition by first_touches.first_touch_on order by days_followed.place) as run
    from first_touches
    inner join days_followed
        on
            {{ days_between('first_touches.first_touch_on', 'days_followed.read_on') }} * days_followed.won_deals_with_cycle
            > days_followed.sales_cycle_days
),

-- The mean rises and falls: what was slow on one day may not be on the next that is read.
slow_runs as (
    select
        first_touch_on,
        min(read_on) as slow_from,
        nullif(max(next_read_on), cast('2101-01-01' as date)) as slow_until
    from slow_days
    group by first_touch_on, run
)

select
    -- ids
    intervals.deal_id,
    intervals.owner_id,

    -- segments
    intervals.stage,
    intervals.source,

    -- dates
    greatest(intervals.open_from, slow_runs.slow_from) as slow_from,
    least(intervals.open_until, slow_runs.slow_until) as slow_until
from intervals
inner join slow_runs on intervals.first_touch_on = slow_runs.first_touch_on
where
    (intervals.open_until is null or slow_runs.slow_from < intervals.open_until)
    and (slow_runs.slow_until is null or intervals.open_from < slow_runs.slow_until)
