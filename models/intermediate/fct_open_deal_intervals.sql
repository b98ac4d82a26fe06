with

deals as (
    select * from {{ ref('fct_deals') }}
),

visits as (
    select * from {{ ref('fct_deal_stage_visits') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Where a deal stands at the end of a day is where it was last: a visit holds the days from its entry up to the next visit's.
visited as (
    select
        visits.deal_id,
        visits.stage,
        visits.entered_on as open_from,
        visits.exited_on as open_until
    from visits
    inner join deals on visits.deal_id = deals.deal_id
    where visits.entered_on < visits.exited_on or visits.exited_on is null
),

-- A history that starts late or has a hole leaves days on which the stage is not known.
followed as (
    select
        deal_id,
        open_until,
        lead(open_from) over (partition by deal_id order by open_from) as next_open_from
    from visited
),

gaps as (
    select
        deal_id,
        '(none)' as stage,
        open_until as open_from,
        next_open_from as open_until
    from followed
    where open_until is not null
),

before_history as (
    select
        deals.deal_id,
        '(none)' as stage,
        deals.created_on as open_from,
        min(visited.open_from) as open_until
    from deals
    inner join visited on deals.deal_id = visited.deal_id
    group by deals.deal_id, deals.created_on
),

-- Without a history the one stage that is known is today's; what stage a closed deal was in is not known.
without_history as (
    select
        deal_id,
        case when is_open then stage else '(none)' end as stage,
        created_on as open_from,
        cast(null as date) as open_until
    from deals
    where deal_id not in (select visited.deal_id from visited)
),

intervals as (
    select
        deal_id,
        stage,
        open_from,
        open_until
    from visited
    union all
    select
        deal_id,
        stage,
        open_from,
        open_until
    from gaps
    union all
    select
        deal_id,
        stage,
        open_from,
        open_until
    from before_history
    union all
    select
        deal_id,
        stage,
        open_from,
        open_until
    from without_history
),

-- Nothing is open before the deal was created or from the day of its close.
within_the_deal as (
    select
        intervals.deal_id,
        intervals.stage,
        greatest(intervals.open_from, deals.created_on) as open_from,
        least(intervals.open_until, deals.closed_on) as open_until,
        deals.owner_id,
        deals.pipeline,
        deals.source,
        deals.amount,
        deals.first_touch_on
    from intervals
    inner join deals on intervals.deal_id = deals.deal_id
),

-- Each span begins with a change of stage or the creation. From the first day that is too long after it, the deal has stalled.
timed as (
    select
        within_the_deal.*,
        case
            when
                {{ add_days('within_the_deal.open_from', var('stalled_after_days') ~ ' + 1') }} <= reporting_window.as_of
                then {{ add_days('within_the_deal.open_from', var('stalled_after_days') ~ ' + 1') }}
        end as stalled_from
    from within_the_deal
    cross join reporting_window
    where within_the_deal.open_until is null or within_the_deal.open_from < within_the_deal.open_until
),

split as (
    select
        *,
        open_from as part_from,
        least(stalled_from, open_until) as part_until,
        false as is_stalled
    from timed
    union all
    select
        *,
        stalled_from as part_from,
        open_until as part_until,
        true as is_stalled
    from timed
    where stalled_from < open_until or (stalled_from is not null and open_until is null)
)

select
    -- ids
    deal_id,
    owner_id,

    -- segments
    stage,
    pipeline,
    source,

    -- amounts
    amount,

    -- booleans
    is_stalled,

    -- dates
    first_touch_on,
    part_from as open_from,
    part_until as open_until
from split
