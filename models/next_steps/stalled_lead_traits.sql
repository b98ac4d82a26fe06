{%- set segments = ['owner', 'team', 'source', 'channel', 'campaign', 'industry', 'country', 'score_band'] -%}
with

leads as (
    select * from {{ ref('fct_leads') }}
),

open_leads as (
    select * from {{ ref('open_leads') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Those that have stalled beside those that moved: decided, or worked on.
leads_of_a_year as (
    select
        leads.*,
        open_leads.is_stalled,
        {{ block_of('leads.created_on', 'leads.lead_id') }} as block
    from leads
    cross join reporting_window
    left join open_leads on leads.lead_id = open_leads.lead_id
    where leads.created_on > {{ add_days('reporting_window.as_of', -365) }}
),

leads_by_segment as (
    {{ count_by_segment('leads_of_a_year', tested_segments(segments), 'is_stalled') }}
),

{{ test_segments('leads_by_segment', 'tested') }}

select
    segment_by,
    segment,
    case_count as leads,
    hit_count as stalled_leads,
    hit_share as stalled_share,
    rest_case_count as rest_leads,
    rest_hit_count as rest_stalled_leads,
    rest_hit_share as rest_stalled_share,
    difference,
    difference_low,
    difference_high,
    p_value,
    p_value_adjusted,
    verdict
from tested
