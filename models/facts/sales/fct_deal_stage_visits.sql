with

entries as (
    select * from {{ ref('stg_deal_stages') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

pipeline_stages as (
    select * from {{ ref('dim_pipeline_stages') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- A deal's record may be missing: its history stays.
known as (
    select
        entries.deal_id,
        entries.stage,
        entries.entered_at,
        case when {{ local_date('entries.exited_at') }} <= reporting_window.as_of then entries.exited_at end as exited_at
    from entries
    cross join reporting_window
    left join deals on entries.deal_id = deals.deal_id
    where
        {{ local_date('entries.entered_at') }} <= reporting_window.as_of
        and {{ is_before_close('entries.entered_at', 'deals.closed_at', "entries.stage <> nullif(deals.stage, '(none)')") }}
),

entries_with_neighbours as (
    select
        *,
        row_number() over so_far as entry_number,
        lag(stage) over so_far as stage_before,
        lag(exited_at) over so_far as exited_before_at,
        last_value(exited_at) over (
            partition by deal_id
            order by entered_at asc, exited_at asc nulls last, stage asc
            rows between unbounded preceding and unbounded following
        ) as exited_at_last
    from known
    window so_far as (partition by deal_id order by entered_at asc, exited_at asc nulls last, stage asc)
),

-- An entry into the stage that the deal is in already starts no new visit; one after it had left does.
visits as (
    select *
    from entries_with_neighbours
    where stage_before is null or stage_before <> stage or exited_before_at < entered_at
),

visits_with_deal as (
    select
        visits.*,
        -- A close without a time is no earlier than what happened on its day.
        case when deals.closed_at < visits.entered_at then visits.entered_at else deals.closed_at end as closed_at,
        coalesce(deals.is_won, false) as is_won,
        coalesce(deals.is_lost, false) as is_lost,
        {{ segment('deals.owner_id', key='visits.deal_id', found='deals.deal_id') }} as owner_id,
        {{ segment('deals.pipeline', key='visits.deal_id', found='deals.deal_id') }} as pipeline,
        {{ segment('deals.source', key='visits.deal_id', found='deals.deal_id') }} as source
    from visits
    left join deals on visits.deal_id = deals.deal_id
),

-- What ends a visit is the exit of its last entry: the entry before the one that starts the next visit, or the deal's last.
visits_with_next as (
    select
        visits_with_deal.*,
        pipeline_stages.stage_order,
        cast(row_number() over from_here as bigint) as visit_number,
        lead(visits_with_deal.entered_at) over from_here as next_entered_at,
        lead(visits_with_deal.exited_before_at, 1, visits_with_deal.exited_at_last) over from_here as visit_exited_at,
        max(pipeline_stages.stage_order) over (
            partition by visits_with_deal.deal_id order by visits_with_deal.entry_number rows between 1 following and unbounded following
        ) as furthest_order_after
    from visits_with_deal
    left join pipeline_stages on visits_with_deal.pipeline = pipeline_stages.pipeline and visits_with_deal.stage = pipeline_stages.stage
    window from_here as (partition by visits_with_deal.deal_id order by visits_with_deal.entry_number)
),

-- A deal is in one stage at a time: a visit ends when it was left, when the next begins, or at the close, whichever comes first.
visits_with_end as (
    select
        *,
        least(visit_exited_at, next_entered_at, closed_at) as left_at
    from visits_with_next
)

select
    -- ids
    deal_id,
    visit_number,
    owner_id,

    -- segments
    stage,
    pipeline,
    source,

    -- durations
    {{ days_between(local_date('entered_at'), local_date('left_at')) }} as stage_days,

    -- booleans
    left_at is not null as has_ended,
    next_entered_at is null as is_last_visit,
    is_won or coalesce(furthest_order_after > stage_order, false) as has_gone_on,
    is_won,
    is_lost,

    -- dates
    {{ local_date('entered_at') }} as entered_on,
    {{ local_date('left_at') }} as exited_on,
    {{ local_date('closed_at') }} as deal_closed_on,

    -- timestamps
    entered_at,
    left_at as exited_at
from visits_with_end
