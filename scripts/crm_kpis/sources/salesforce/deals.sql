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
    closed_deals.opportunity_id as deal_id,
    closed_deals.created_at,
    closed_deals.status,
    closed_deals.closed_at,
    case when closed_deals.status = 'open' then closed_deals.close_on end as expected_close_on,
    closed_deals.stage,
    record_type.name as pipeline,
    case closed_deals.deal_type
        when 'New Business' then 'new'
        when 'Existing Business' then 'upsell'
        when 'Renewal' then 'renewal'
        else closed_deals.deal_type
    end as deal_type,
    main_products.product_id,
    closed_deals.source,
    closed_deals.campaign_id,
    closed_deals.account_id,
    first_leads.lead_id,
    closed_deals.owner_id,
    closed_deals.amount,
    closed_deals.currency,
    case when closed_deals.status = 'lost' then closed_deals.lost_reason end as lost_reason,
    closed_deals.updated_at
from closed_deals
left join record_type on closed_deals.record_type_id = record_type.record_type_id
left join main_products on closed_deals.opportunity_id = main_products.opportunity_id
left join first_leads on closed_deals.opportunity_id = first_leads.opportunity_id
