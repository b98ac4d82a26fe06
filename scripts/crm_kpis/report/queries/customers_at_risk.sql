-- One row per customer that may be lost or is due to buy: those first with whom most is at stake; the first 200. `found` says how many there
-- are. What is lost already is none of them, nor is who hardly ever returns.
with

chosen as (
    select *
    from marts.customer_outlook
    where is_regular and (risk_group in ('high', 'middle') or (is_purchase_overdue and risk_group <> 'lost'))
),

ranked as (
    select
        *,
        row_number() over (
            order by revenue_at_risk_365_days desc nulls last, yearly_amount desc nulls last, account_id
        ) as place,
        count(*) over () as found,
        sum(revenue_at_risk_365_days) over () as found_amount
    from chosen
)

select
    found,
    found_amount,
    account_id,
    owner_id as owner,
    country,
    industry,
    company_size,
    value_group,
    risk_group,
    yearly_amount,
    revenue_at_risk_365_days,
    next_purchase_due_on,
    purchase_chance_90_days,
    renewal_on,
    open_tickets,
    last_satisfaction,
    reasons_en,
    reasons_de
from ranked
where place <= 200
order by place
