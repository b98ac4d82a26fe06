-- One row per open deal that needs a look, the largest amounts first; the first 200. `found` says how many there are, `found_amount` what they
-- are worth.
with

ranked as (
    select
        *,
        row_number() over (order by amount desc nulls last, stage_days desc, deal_id) as place,
        count(*) over () as found,
        sum(amount) over () as found_amount
    from marts.stalled_deals
)

select
    found,
    found_amount,
    deal_id,
    account_id,
    owner_id as owner,
    team,
    product_id as product,
    pipeline,
    stage,
    source,
    amount,
    stage_days,
    usual_stage_days,
    overdue_days,
    reasons_en,
    reasons_de
from ranked
where place <= 200
order by place
