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
),

leads as (
    select * replace (coalesce(is_converted, converted_on is not null) as is_converted)
    from lead
)

select
    leads.lead_id,
    leads.created_at,
    leads.source,
    first_campaigns.campaign_id,
    case
        when leads.is_converted and closed_deals.status = 'won' then 'converted'
        when leads.is_converted then 'qualified'
        when lower(leads.status) in ('unqualified', 'disqualified', 'closed - not converted') then 'disqualified'
        when lower(leads.status) like 'working%' then 'working'
        else 'new'
    end as status,
    leads.email,
    leads.company_name,
    leads.industry,
    leads.employee_count,
    leads.country,
    -- 00G is a queue.
    case when leads.owner_id not like '00G%' then leads.owner_id end as owner_id,
    case when leads.is_converted then not_before(noon_of(leads.converted_on), leads.created_at) end as qualified_at,
    -- Salesforce calls a lead converted when it becomes an opportunity, the contract when it pays.
    case when closed_deals.status = 'won' and closed_deals.closed_at >= leads.created_at then closed_deals.closed_at end as converted_at,
    case
        when lower(leads.status) in ('unqualified', 'disqualified', 'closed - not converted') then disqualifications.disqualified_at
    end as disqualified_at,
    leads.account_id,
    leads.opportunity_id as deal_id,
    leads.updated_at
from leads
left join first_campaigns on leads.lead_id = first_campaigns.lead_id
left join closed_deals on leads.opportunity_id = closed_deals.opportunity_id
left join disqualifications on leads.lead_id = disqualifications.lead_id
