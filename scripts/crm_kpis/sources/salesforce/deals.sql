with

main_products as (
    select
        opportunity_id,
        arg_max(product_id, (amount, product_id)) as product_id
    from opportunity_line
    where product_id is not null
    group by opportunity_id
),

first_leads as (
    select
        opportunity_id,
        arg_min(lead_id, (created_at, lead_id)) as lead_id
    from lead
    where opportunity_id is not null
    group by opportunity_id
)

select
    opportunity.opportunity_id as deal_id,
    opportunity.created_at,
    closed_deals.status,
    closed_deals.closed_at,
    case when closed_deals.status = 'open' then opportunity.close_on end as expected_close_on,
    opportunity.stage,
    record_type.name as pipeline,
    case opportunity.deal_type
        when 'New Business' then 'new'
        when 'Existing Business' then 'upsell'
        when 'Renewal' then 'renewal'
        else opportunity.deal_type
    end as deal_type,
    main_products.product_id,
    opportunity.source,
    opportunity.campaign_id,
    opportunity.account_id,
    first_leads.lead_id,
    opportunity.owner_id,
    opportunity.amount,
    opportunity.currency,
    case when closed_deals.status = 'lost' then opportunity.lost_reason end as lost_reason,
    opportunity.updated_at
from opportunity
inner join closed_deals on opportunity.opportunity_id = closed_deals.opportunity_id
left join record_type on opportunity.record_type_id = record_type.record_type_id
left join main_products on opportunity.opportunity_id = main_products.opportunity_id
left join first_leads on opportunity.opportunity_id = first_leads.opportunity_id
