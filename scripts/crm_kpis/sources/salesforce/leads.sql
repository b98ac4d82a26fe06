with

first_campaigns as (
    select
        lead_id,
        arg_min(campaign_id, (created_at, campaign_id)) as campaign_id
    from campaign_member
    where lead_id is not null
    group by lead_id
),

disqualifications as (
    select
        lead_id,
        max(changed_at) as disqualified_at
    from lead_change
    where lower(value) in ('unqualified', 'disqualified', 'closed - not converted')
    group by lead_id
)

select
    lead.lead_id,
    lead.created_at,
    lead.source,
    first_campaigns.campaign_id,
    case
        when lead.is_converted and closed_deals.status = 'won' then 'converted'
        when lead.is_converted then 'qualified'
        when lower(lead.status) in ('unqualified', 'disqualified', 'closed - not converted') then 'disqualified'
        when lower(lead.status) like 'working%' then 'working'
        else 'new'
    end as status,
    lead.email,
    lead.company_name,
    lead.industry,
    lead.employee_count,
    lead.country,
    -- 00G is a queue.
    case when lead.owner_id not like '00G%' then lead.owner_id end as owner_id,
    case when lead.is_converted then not_before(noon_of(lead.converted_on), lead.created_at) end as qualified_at,
    -- Salesforce calls a lead converted when it becomes an opportunity, the contract when it pays.
    case when closed_deals.status = 'won' and closed_deals.closed_at >= lead.created_at then closed_deals.closed_at end as converted_at,
    case
        when lower(lead.status) in ('unqualified', 'disqualified', 'closed - not converted') then disqualifications.disqualified_at
    end as disqualified_at,
    lead.account_id,
    lead.opportunity_id as deal_id,
    lead.updated_at
from lead
left join first_campaigns on lead.lead_id = first_campaigns.lead_id
left join closed_deals on lead.opportunity_id = closed_deals.opportunity_id
left join disqualifications on lead.lead_id = disqualifications.lead_id
