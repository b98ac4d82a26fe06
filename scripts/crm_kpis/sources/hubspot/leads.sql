with

first_deals as (
    select
        deal_contact.contact_id,
        arg_min(deal_states.deal_id, (deal_states.created_at, deal_states.deal_id)) as deal_id,
        -- A deal that was won before the contact was known did not come from it.
        min(deal_states.closed_at) filter (where deal_states.status = 'won' and deal_states.closed_at >= contact.created_at) as won_at
    from deal_contact
    inner join deal_states on deal_contact.deal_id = deal_states.deal_id
    inner join contact on deal_contact.contact_id = contact.contact_id
    group by deal_contact.contact_id
),

changes as (
    select
        contact_id,
        min(changed_at) filter (where property = 'lifecyclestage' and lower(value) = 'salesqualifiedlead') as qualified_at,
        min(changed_at) filter (where property = 'lifecyclestage' and lower(value) = 'customer') as customer_at,
        max(changed_at) filter (where property = 'hs_lead_status' and upper(value) = 'UNQUALIFIED') as disqualified_at
    from contact_change
    group by contact_id
)

select
    lead_contacts.contact_id as lead_id,
    lead_contacts.created_at,
    case when lead_contacts.first_touch_at <= lead_contacts.created_at then lead_contacts.first_touch_at end as first_touch_at,
    lead_contacts.source,
    case
        when upper(lead_contacts.lead_status) = 'UNQUALIFIED' then 'disqualified'
        when lower(lead_contacts.lifecycle_stage) in ('customer', 'evangelist') then 'converted'
        when lower(lead_contacts.lifecycle_stage) in ('salesqualifiedlead', 'sales qualified lead', 'opportunity') then 'qualified'
        else 'new'
    end as status,
    -- HubSpot's score has no upper limit.
    case when lead_contacts.score is not null then least(lead_contacts.score, 100) end as score,
    lead_contacts.email,
    coalesce(lead_contacts.company_name, company.name) as company_name,
    coalesce(lead_contacts.industry, company.industry) as industry,
    company.employee_count,
    coalesce(lead_contacts.country, company.country) as country,
    lead_contacts.owner_id,
    not_before(coalesce(lead_contacts.qualified_at, changes.qualified_at), lead_contacts.created_at) as qualified_at,
    not_before(coalesce(lead_contacts.customer_at, changes.customer_at, first_deals.won_at), lead_contacts.created_at) as converted_at,
    case when upper(lead_contacts.lead_status) = 'UNQUALIFIED' then changes.disqualified_at end as disqualified_at,
    lead_contacts.company_id as account_id,
    first_deals.deal_id,
    lead_contacts.updated_at,
    case when not lead_contacts.is_lead then 'contact that is no lead yet' end as _left_out
from lead_contacts
left join company on lead_contacts.company_id = company.company_id
left join first_deals on lead_contacts.contact_id = first_deals.contact_id
left join changes on lead_contacts.contact_id = changes.contact_id
