-- One row per customer that may be lost or is due to buy: those first with whom most is at stake; the first 200. `found` says how many there
-- are. What is lost already is none of them, nor is who hardly ever returns.
with

outlooks as (
    select
        *,
        avg(churn_chance_365_days) over () as usual_churn_chance
    from marts.customer_outlook
),

-- Of many companies each subscriber leaves within a year by a chance of a fifth or more: a list of all of them would help nobody, so it has
-- those whose chance is a quarter above what is usual.
chosen as (
    select *
    from outlooks
    where
        is_regular
        and (
            risk_group = 'high'
            or (risk_group = 'middle' and (not is_subscribed or churn_chance_365_days >= 1.25 * usual_churn_chance))
            or (is_purchase_overdue and risk_group <> 'lost')
        )
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
