with

entries as (
    select * from {{ ref('stg_deal_stages') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

pipeline_stages as (
    select * from {{ ref('dim_pipeline_stages') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- A deal's record may be missing: its history stays. An entry at or after the close (a stage 'Won', say) is no stage of the way there.
known as (
    select
        entries.deal_id,
        entries.stage,
        entries.entered_at,
        case when {{ local_date('entries.exited_at') }} <= reporting_window.as_of then entries.exited_at end as exited_at,
        deals.closed_at,
        deals.deal_id as found_deal_id,
        deals.owner_id,
        deals.pipeline,
        deals.source,
        coalesce(deals.is_won, false) as is_won,
        coalesce(deals.is_lost, false) as is_lost
    from entries
    cross join reporting_window
    left join deals on entries.deal_id = deals.deal_id
    where
        {{ local_date('entries.entered_at') }} <= reporting_window.as_of
        and (deals.closed_at is null or entries.entered_at < deals.closed_at)
),

compared as (
    select
        *,
        lag(stage) over (partition by deal_id order by entered_at) as stage_before,
        lag(exited_at) over (partition by deal_id order by entered_at) as exited_before_at
    from known
),

-- An entry into the stage that the deal is in already starts no new visit; one after it had left does.
marked as (
    select
        *,
        sum(case when stage_before = stage and coalesce(exited_before_at >= entered_at, true) then 0 else 1 end)
            over (partition by deal_id order by entered_at rows between unbounded preceding and current row)
            as visit_number
    from compared
),

visits as (
    select
        deal_id,
        cast(visit_number as bigint) as visit_number,
        min(stage) as stage,
        min(entered_at) as entered_at,
        max_by(exited_at, entered_at) as exited_at,
        min(closed_at) as closed_at,
        min(found_deal_id) as found_deal_id,
        min(owner_id) as owner_id,
        min(pipeline) as pipeline,
        min(source) as source,
        bool_or(is_won) as is_won,
        bool_or(is_lost) as is_lost
    from marked
    group by deal_id, visit_number
),

named as (
    select
        *,
        {{ segment('owner_id', key='deal_id', found='found_deal_id') }} as known_owner_id,
        {{ segment('pipeline', key='deal_id', found='found_deal_id') }} as known_pipeline,
        {{ segment('source', key='deal_id', found='found_deal_id') }} as known_source
    from visits
),

followed as (
    select
        named.*,
        pipeline_stages.stage_order,
        lead(named.entered_at) over (partition by named.deal_id order by named.visit_number) as next_entered_at,
        max(pipeline_stages.stage_order) over (
            partition by named.deal_id order by named.visit_number rows between 1 following and unbounded following
        ) as furthest_order_after
    from named
    left join pipeline_stages on named.known_pipeline = pipeline_stages.pipeline and named.stage = pipeline_stages.stage
),

-- A deal is in one stage at a time: a visit ends when it was left, when the next begins, or at the close, whichever comes first.
ended as (
    select
        *,
        least(exited_at, next_entered_at, closed_at) as left_at
    from followed
)

select
    -- ids
    deal_id,
    visit_number,
    known_owner_id as owner_id,

    -- segments
    stage,
    known_pipeline as pipeline,
    known_source as source,

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
from ended
