with

pipeline_stages as (
    select * from {{ source('settings', 'pipeline_stages') }}
),

entries as (
    select * from {{ ref('stg_deal_stages') }}
),

deals as (
    select * from {{ ref('stg_deals') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

known_deals as (
    select
        deals.deal_id,
        deals.pipeline,
        deals.stage,
        deals.closed_at
    from deals
    cross join reporting_window
    where {{ local_date('coalesce(deals.created_at, deals.closed_at)') }} <= reporting_window.as_of
),

first_entries as (
    select
        deal_id,
        stage,
        min(entered_at) as entered_at
    from entries
    group by deal_id, stage
),

known_entries as (
    select
        first_entries.deal_id,
        first_entries.stage,
        first_entries.entered_at,
        {{ segment('known_deals.pipeline', key='first_entries.deal_id', found='known_deals.deal_id') }} as pipeline
    from first_entries
    cross join reporting_window
    left join known_deals on first_entries.deal_id = known_deals.deal_id
    where
        {{ local_date('first_entries.entered_at') }} <= reporting_window.as_of
        and {{ is_before_close('first_entries.entered_at', 'known_deals.closed_at', 'first_entries.stage <> known_deals.stage') }}
),

-- The first stage that a deal enters has rank 1, the next new one rank 2; two of one moment go by name, so that every run ranks them alike.
entries_ranked as (
    select
        pipeline,
        stage,
        row_number() over (partition by deal_id order by entered_at, stage) as entry_rank
    from known_entries
),

stages_visited as (
    select
        pipeline,
        stage,
        cast(sum(entry_rank) as double) / count(*) as mean_entry_rank
    from entries_ranked
    group by pipeline, stage
),

-- Equal means are told apart by name, so that every run orders them alike.
stages_ordered as (
    select
        pipeline,
        stage,
        row_number() over (partition by pipeline order by mean_entry_rank, stage) as derived_order
    from stages_visited
),

listed_pipelines as (
    select distinct pipeline from pipeline_stages
)

select
    stages_ordered.pipeline,
    stages_ordered.stage,
    case when listed_pipelines.pipeline is null then stages_ordered.derived_order else pipeline_stages.stage_order end as stage_order,
    listed_pipelines.pipeline is not null as is_listed
from stages_ordered
left join listed_pipelines on stages_ordered.pipeline = listed_pipelines.pipeline
left join pipeline_stages on stages_ordered.pipeline = pipeline_stages.pipeline and stages_ordered.stage = pipeline_stages.stage
