{%- set segments = [
    'pipeline', 'owner', 'team', 'source', 'channel', 'product', 'deal_type', 'industry', 'country', 'company_size', 'score_band'
] -%}
with

deals as (
    select * from {{ ref('fct_deals') }}
),

leads as (
    select * from {{ ref('fct_leads') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Those that have stalled beside those that moved: open in time, or closed within a year.
recent_deals as (
    select
        deals.*,
        {{ segment('leads.score_band', key='deals.lead_id', found='leads.lead_id') }} as score_band
    from deals
    cross join reporting_window
    left join leads on deals.lead_id = leads.lead_id
    where deals.is_open or deals.closed_on > {{ add_days('reporting_window.as_of', -365) }}
),

deals_in_blocks as (
    select
        *,
        {{ block_of('created_on', 'deal_id') }} as block
    from recent_deals
),

open_deals_in_blocks as (
    select * from deals_in_blocks
    where is_open
),

-- Closed deals are in no stage.
deals_by_segment as (
    {{ count_by_segment('open_deals_in_blocks', ['stage'], 'is_stalled') }}
    union all
    {{ count_by_segment('deals_in_blocks', tested_segments(segments), 'is_stalled') }}
),

{{ test_segments('deals_by_segment', 'tested') }}

select
    segment_by,
    segment,
    case_count as deals,
    hit_count as stalled_deals,
    hit_share as stalled_share,
    rest_case_count as rest_deals,
    rest_hit_count as rest_stalled_deals,
    rest_hit_share as rest_stalled_share,
    difference,
    difference_low,
    difference_high,
    p_value,
    p_value_adjusted,
    verdict
from tested
