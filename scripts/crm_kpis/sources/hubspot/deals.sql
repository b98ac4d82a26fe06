with

-- One company and one contact of each deal, so that no amount counts twice: the primary company (type 5) where the loader says which
-- one it is, else the lowest id; of the contacts that are leads the lowest id.
deal_accounts as (
    select
        deal_company.deal_id,
        arg_min(
            deal_company.company_id,
            (
                company.company_id is null,
                coalesce(deal_company.type_id <> 5, true),
                try_cast(deal_company.company_id as bigint),
                deal_company.company_id
            )
        ) as company_id
    from deal_company
    left join company on deal_company.company_id = company.company_id
    group by deal_company.deal_id
),

deal_leads as (
    select
        deal_contact.deal_id,
        arg_min(deal_contact.contact_id, (try_cast(deal_contact.contact_id as bigint), deal_contact.contact_id)) as contact_id
    from deal_contact
    inner join lead_contacts on deal_contact.contact_id = lead_contacts.contact_id
    where lead_contacts.is_lead
    group by deal_contact.deal_id
)

select
    deal_states.deal_id,
    deal_states.created_at,
    deal_states.status,
    deal_states.closed_at,
    deal_states.expected_close_on,
    deal_states.stage,
    coalesce(pipeline.label, deal_states.pipeline_id) as pipeline,
    -- HubSpot's own export has labels: New Business.
    case replace(lower(deal_states.deal_type), ' ', '')
        when 'newbusiness' then 'new'
        when 'existingbusiness' then 'upsell'
        else deal_states.deal_type
    end as deal_type,
    deal_states.source,
    deal_accounts.company_id as account_id,
    deal_leads.contact_id as lead_id,
    deal_states.owner_id,
    deal_states.amount,
    deal_states.currency,
    case when deal_states.status = 'lost' then deal_states.lost_reason end as lost_reason,
    deal_states.updated_at
from deal_states
left join pipeline on deal_states.pipeline_id = pipeline.pipeline_id
left join deal_accounts on deal_states.deal_id = deal_accounts.deal_id
left join deal_leads on deal_states.deal_id = deal_leads.deal_id
