with

main_products as (
    select
        deal_id,
        arg_max(product_id, (amount, product_id)) as product_id
    from deal_product
    group by deal_id
)

select
    deal.deal_id,
    deal.created_at,
    lower(deal.status) as status,
    -- Not the first time it was won: a deal may be opened again and won again.
    case lower(deal.status)
        when 'won' then coalesce(deal.won_at, deal.closed_at)
        when 'lost' then coalesce(deal.lost_at, deal.closed_at)
    end as closed_at,
    deal.expected_close_on,
    -- Pipedrive's own export has names instead of ids.
    coalesce(stage.name, deal.stage_id) as stage,
    coalesce(pipeline.name, deal.pipeline_id) as pipeline,
    main_products.product_id,
    deal.source,
    deal.organization_id as account_id,
    deal.owner_id,
    -- An amount that nobody entered is 0, too.
    nullif(deal.amount, 0) as amount,
    deal.currency,
    case when lower(deal.status) = 'lost' then deal.lost_reason end as lost_reason,
    deal.updated_at
from deal
left join stage on deal.stage_id = stage.stage_id
left join pipeline on deal.pipeline_id = pipeline.pipeline_id
left join main_products on deal.deal_id = main_products.deal_id
