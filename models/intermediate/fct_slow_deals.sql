with

intervals as (
    select * from {{ ref('fct_open_deal_intervals') }}
),

periods as (
    select * from {{ ref('periods') }}
),

wins as (
    select
        period_id,
        cast(max(value) filter (where measure = 'deals_won_in_365_days') as bigint) as deals_won,
        cast(max(value) filter (where measure = 'sales_cycle_days_in_365_days') as bigint) as sales_cycle_days
    from {{ ref('measures_deals_closed_in_365_days') }}
    where segment_by = 'all'
    group by period_id
),

read_days as (
    select
        periods.period_id,
        periods.read_on,
        wins.deals_won,
        wins.sales_cycle_days
    from periods
    inner join wins on periods.period_id = wins.period_id
    where wins.deals_won > 0
)

-- Older than the mean: the age times the wins is more than their cycles together.
select
    -- ids
    read_days.period_id,
    intervals.deal_id,
    intervals.owner_id,

    -- segments
    intervals.stage,
    intervals.source,

    -- durations
    {{ days_between('intervals.first_touch_on', 'read_days.read_on') }} as age_days
from read_days
inner join intervals
    on
        read_days.read_on >= intervals.open_from
        and (intervals.open_until is null or read_days.read_on < intervals.open_until)
        and {{ days_between('intervals.first_touch_on', 'read_days.read_on') }} * read_days.deals_won > read_days.sales_cycle_days
