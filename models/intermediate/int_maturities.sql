with

deals as (
    select * from {{ ref('fct_deals') }}
),

visits as (
    select * from {{ ref('fct_deal_stage_visits') }}
),

leads as (
    select * from {{ ref('fct_leads') }}
),

lead_deals as (
    select * from {{ ref('int_lead_deals') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

durations as (
    select
        'win' as waits_for,
        cast({{ days_between('created_on', 'closed_on') }} as double) as days
    from deals
    where is_won
    union all
    select
        'leaving the stage' as waits_for,
        cast(stage_days as double) as days
    from visits
    union all
    select
        'qualification' as waits_for,
        cast({{ days_between('created_on', 'qualified_on') }} as double) as days
    from leads
    union all
    select
        'conversion' as waits_for,
        cast({{ days_between('created_on', 'converted_on') }} as double) as days
    from leads
    union all
    select
        'win of the lead' as waits_for,
        cast({{ days_between('leads.created_on', 'lead_deals.won_on') }} as double) as days
    from leads
    inner join lead_deals on leads.lead_id = lead_deals.lead_id
    union all
    select
        'first response' as waits_for,
        cast(first_response_seconds as double) / 86400 as days
    from tickets
)

-- Nineteen of twenty take no longer. So a period that has waited as long may still gain a twentieth.
select
    waits_for,
    cast(ceil(percentile_cont(0.95) within group (order by days)) as integer) as days
from durations
where days is not null
group by waits_for
