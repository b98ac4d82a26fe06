-- One row per deal whose records are on the page: the newest thousand by the last thing that happened to them; those that are open, today.
-- `deals` says how many there are.
with

as_of as (
    select max(period_end) as day
    from marts.kpi_values
    where period_grain = 'all'
),

ranked as (
    select
        deals.*,
        coalesce(deals.closed_on, as_of.day) as last_on,
        row_number() over (order by coalesce(deals.closed_on, as_of.day) desc, deals.created_on desc, deals.deal_id) as place,
        count(*) over () as deals
    from marts.fct_deals as deals
    cross join as_of
)

select
    deals,
    last_on,
    deal_id,
    account_id,
    owner_id as owner,
    case when is_won then 'won' when is_lost then 'lost' else 'open' end as outcome,
    amount,
    created_on,
    closed_on,
    expected_close_on,
    stage,
    product_id as product,
    pipeline,
    deal_type,
    team,
    source,
    country,
    industry
from ranked
where place <= 1000
order by place
