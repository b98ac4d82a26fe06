with

deals as (
    select * from {{ ref('int_deals') }}
),

visits as (
    select * from {{ ref('fct_deal_stage_visits') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Where a deal stands at the end of a day is where it was last: a visit holds the days from its entry up to the next visit's.
visits_with_next as (
    select
        deal_id,
        stage,
        entered_on,
        exited_on,
        lead(entered_on) over (partition by deal_id order by entered_on) as next_entered_on,
        lag(entered_on) over (partition by deal_id order by entered_on) is null as is_first
    from visits
    where entered_on < exited_on or exited_on is null
),

-- A history that starts late or has a hole leaves days on which the stage is not known; this is rare, and what has no days is left out
-- below. Without a history the one stage that is known is today's; what stage a closed deal was in is not known.
intervals as (
    select
        deal_id,
        stage,
        entered_on as open_from,
        exited_on as open_until
    from visits_with_next
    union all
    select
        deal_id,
        '(none)' as stage,
        exited_on as open_from,
        next_entered_on as open_until
    from visits_with_next
    where exited_on is not null
    union all
    select
        deals.deal_id,
        '(none)' as stage,
        deals.created_on as open_from,
        visits_with_next.entered_on as open_until
    from deals
    inner join visits_with_next on deals.deal_id = visits_with_next.deal_id
    where visits_with_next.is_first
    union all
    select
        deals.deal_id,
        case when deals.is_open then deals.stage else '(none)' end as stage,
        deals.created_on as open_from,
        cast(null as date) as open_until
    from deals
    left join visits_with_next on deals.deal_id = visits_with_next.deal_id
    where visits_with_next.deal_id is null
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
spans_with_stall as (
    select
        within_the_deal.*,
        case
            when
                {{ add_days('within_the_deal.open_from', setting('stalled_after_days') ~ ' + 1') }} <= reporting_window.as_of
                then {{ add_days('within_the_deal.open_from', setting('stalled_after_days') ~ ' + 1') }}
        end as stalled_from
    from within_the_deal
    cross join reporting_window
    where within_the_deal.open_until is null or within_the_deal.open_from < within_the_deal.open_until
),

spans_split_at_stall as (
    select
        *,
        open_from as part_from,
        least(stalled_from, open_until) as part_until,
        false as is_stalled
    from spans_with_stall
    union all
    select
        *,
        stalled_from as part_from,
        open_until as part_until,
        true as is_stalled
    from spans_with_stall
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
    open_from as stage_entered_on,
    part_from as open_from,
    part_until as open_until
from spans_split_at_stall
