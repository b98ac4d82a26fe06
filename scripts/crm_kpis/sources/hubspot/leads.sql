with

won_deals as (
    select
        deal_contact.contact_id,
        deal_states.deal_id,
        deal_states.created_at,
        case when deal_states.status = 'won' then deal_states.closed_at end as won_at
    from deal_contact
    inner join deal_states on deal_contact.deal_id = deal_states.deal_id
),

first_deals as (
    select
        contact_id,
        arg_min(deal_id, (created_at, deal_id)) as deal_id
    from won_deals
    group by contact_id
),

-- A deal that was won before the contact was known did not come from it.
first_wins as (
    select
        won_deals.contact_id,
        min(won_deals.won_at) as won_at
    from won_deals
    inner join contact on won_deals.contact_id = contact.contact_id
    where won_deals.won_at >= contact.created_at
    group by won_deals.contact_id
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
    contact.contact_id as lead_id,
    contact.created_at,
    case when contact.first_touch_at <= contact.created_at then contact.first_touch_at end as first_touch_at,
    contact.source,
    case
        when upper(contact.lead_status) = 'UNQUALIFIED' then 'disqualified'
        when lower(contact.lifecycle_stage) in ('customer', 'evangelist') then 'converted'
        when lower(contact.lifecycle_stage) in ('salesqualifiedlead', 'sales qualified lead', 'opportunity') then 'qualified'
        else 'new'
    end as status,
    -- HubSpot's score has no upper limit.
    case when contact.score is not null then least(contact.score, 100) end as score,
    contact.email,
    coalesce(contact.company_name, company.name) as company_name,
    coalesce(contact.industry, company.industry) as industry,
    company.employee_count,
    coalesce(contact.country, company.country) as country,
    contact.owner_id,
    not_before(coalesce(contact.qualified_at, changes.qualified_at), contact.created_at) as qualified_at,
    not_before(coalesce(contact.customer_at, changes.customer_at, first_wins.won_at), contact.created_at) as converted_at,
    case when upper(contact.lead_status) = 'UNQUALIFIED' then changes.disqualified_at end as disqualified_at,
    contact.company_id as account_id,
    first_deals.deal_id,
    contact.updated_at,
    case when not lead_contacts.is_lead then 'contact that is no lead yet' end as _left_out
from contact
inner join lead_contacts on contact.contact_id = lead_contacts.contact_id
left join company on contact.company_id = company.company_id
left join first_deals on contact.contact_id = first_deals.contact_id
left join first_wins on contact.contact_id = first_wins.contact_id
left join changes on contact.contact_id = changes.contact_id
