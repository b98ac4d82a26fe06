{%- set text = dbt.type_string() -%}
with

purchases as (
    select * from {{ ref('int_product_purchases') }}
),

pairs as (
    select * from {{ ref('product_pairs') }}
    where is_rule
),

products as (
    select * from {{ ref('dim_products') }}
),

bought_again as (
    select product_id from pairs
    where product_id = other_product_id
),

-- What it has is offered again only where customers buy it again, and no subscription to it runs.
candidates as (
    select
        purchases.account_id,
        purchases.product_id as because_product_id,
        purchases.last_purchased_on,
        pairs.other_product_id as product_id,
        pairs.customers_who_could,
        pairs.customers_later,
        pairs.later_share,
        pairs.later_share_low,
        pairs.lift,
        pairs.lift_low,
        bought.account_id is not null as is_owned
    from purchases
    inner join pairs on purchases.product_id = pairs.product_id
    left join purchases as bought
        on purchases.account_id = bought.account_id and pairs.other_product_id = bought.product_id
    left join bought_again on pairs.other_product_id = bought_again.product_id
    where
        bought.account_id is null
        or (bought_again.product_id is not null and not bought.is_subscribed)
),

-- One reason for each product: the one that most of those who could followed.
strongest as (
    select
        *,
        row_number() over (
            partition by account_id, product_id order by later_share_low desc, lift_low desc nulls last, because_product_id asc
        ) as place
    from candidates
),

ranked as (
    select
        *,
        row_number() over (
            partition by account_id order by later_share_low desc, lift_low desc nulls last, product_id asc
        ) as rank
    from strongest
    where place = 1
)

select
    -- ids
    ranked.account_id,
    ranked.product_id,
    ranked.because_product_id,

    -- words
    products.product_name,
    because_products.product_name as because_product_name,
    cast(ranked.customers_later as {{ text }}) || ' of ' || cast(ranked.customers_who_could as {{ text }}) || ' customers who bought '
    || coalesce(because_products.product_name, ranked.because_product_id)
    || case when ranked.product_id = ranked.because_product_id then ' bought it again' else ' bought this one later' end as reasons_en,
    cast(ranked.customers_later as {{ text }}) || ' von ' || cast(ranked.customers_who_could as {{ text }}) || ' Kunden, die '
    || coalesce(because_products.product_name, ranked.because_product_id)
    || case when ranked.product_id = ranked.because_product_id then ' kauften, kauften es wieder' else ' kauften, kauften später dies' end
        as reasons_de,

    -- numerics
    cast(ranked.rank as bigint) as rank,
    ranked.customers_who_could,
    ranked.customers_later,
    ranked.later_share,
    ranked.later_share_low,
    ranked.lift,
    ranked.lift_low,

    -- booleans
    ranked.is_owned,

    -- dates
    ranked.last_purchased_on as because_purchased_on
from ranked
inner join products on ranked.product_id = products.product_id
inner join products as because_products on ranked.because_product_id = because_products.product_id
where ranked.rank <= 5
