with

leads as (
    select * from {{ ref('fct_leads') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

-- A deal is linked to its lead by the deal, by the lead, or by both. It was created by its close at the latest.
lead_deals as (
    select
        lead_id,
        coalesce(created_on, closed_on) as created_on,
        case when is_won then closed_on end as won_on
    from deals
    where lead_id is not null
    union all
    select
        leads.lead_id,
        coalesce(deals.created_on, deals.closed_on) as created_on,
        case when deals.is_won then deals.closed_on end as won_on
    from leads
    inner join deals on leads.deal_id = deals.deal_id
)

select
    lead_id,
    min(created_on) as first_deal_on,
    min(won_on) as won_on
from lead_deals
group by lead_id
