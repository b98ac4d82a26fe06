with

campaign_days as (
    select * from {{ ref('fct_campaign_days') }}
),

costs as (
    select * from {{ ref('fct_costs') }}
)

select
    -- ids
    'campaign_days' as cost_source,
    raw_campaign_id || '|' || cast(day as {{ dbt.type_string() }}) as cost_id,

    -- amounts
    cost as amount,

    -- dates
    day as incurred_on
from campaign_days
union all
select
    -- ids
    'costs' as cost_source,
    cost_id,

    -- amounts
    amount,

    -- dates
    incurred_on
from costs
where purpose = 'acquisition'
