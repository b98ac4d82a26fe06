-- One row per open deal that needs a look, the largest amounts first, dormant ones last; the first 200. `found` says how many there are,
-- `found_amount` what they are worth, `found_dormant` how many are dormant.
with

ranked as (
    select
        *,
        row_number() over (order by is_dormant, amount desc nulls last, stage_days desc, deal_id) as place,
        count(*) over () as found,
        sum(amount) over () as found_amount,
        count(*) filter (where is_dormant) over () as found_dormant
    from marts.stalled_deals
)

select
    found,
    found_amount,
    found_dormant,
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
