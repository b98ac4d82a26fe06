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

-- The best reason comes first: the one that most of those who could followed. So it is a number that decides for each customer.
ranked_pairs as (
    select
        *,
        row_number() over (
            order by later_share_low desc, lift_low desc nulls last, other_product_id asc, product_id asc
        ) as pair_rank
    from pairs
),

-- Few pairs are rules, and many customers have a reason of each: so it is put into words once.
pairs_in_words as (
    select
        ranked_pairs.pair_rank,
        ranked_pairs.product_id as because_product_id,
        ranked_pairs.other_product_id as product_id,
        products.product_name,
        because_products.product_name as because_product_name,
        cast(ranked_pairs.customers_later as {{ text }}) || ' of ' || cast(ranked_pairs.customers_who_could as {{ text }})
        || ' customers who bought ' || coalesce(because_products.product_name, ranked_pairs.product_id)
        || case
            when ranked_pairs.product_id = ranked_pairs.other_product_id then ' bought it again'
            else ' bought this one later'
        end as reasons_en,
        cast(ranked_pairs.customers_later as {{ text }}) || ' von ' || cast(ranked_pairs.customers_who_could as {{ text }})
        || ' Kunden, die ' || coalesce(because_products.product_name, ranked_pairs.product_id)
        || case
            when ranked_pairs.product_id = ranked_pairs.other_product_id then ' kauften, kauften es wieder'
            else ' kauften, kauften später dies'
        end as reasons_de,
        ranked_pairs.customers_who_could,
        ranked_pairs.customers_later,
        ranked_pairs.later_share,
        ranked_pairs.later_share_low,
        ranked_pairs.lift,
        ranked_pairs.lift_low
    from ranked_pairs
    inner join products on ranked_pairs.other_product_id = products.product_id
    inner join products as because_products on ranked_pairs.product_id = because_products.product_id
),

products_bought_again as (
    select product_id from pairs
    where product_id = other_product_id
),

-- Customers who have the same products are alike: what follows is asked once for all of them. A number below 0 is a subscription that runs.
product_numbers as (
    select
        product_id,
        row_number() over (order by product_id) as product_number
    from products
),

customers as (
    select
        purchases.account_id,
        {{ dbt.listagg(
            'cast(case when purchases.is_subscribed then -product_numbers.product_number else product_numbers.product_number end as ' ~ text ~ ')',
            "','", 'order by product_numbers.product_number'
        ) }} as basket
    from purchases
    inner join product_numbers on purchases.product_id = product_numbers.product_id
    group by purchases.account_id
),

baskets as (
    select
        basket,
        min(account_id) as account_id
    from customers
    group by basket
),

basket_products as (
    select
        baskets.basket,
        purchases.product_id,
        purchases.is_subscribed
    from baskets
    inner join purchases on baskets.account_id = purchases.account_id
),

-- What it has is offered again only where customers buy it again, and no subscription to it runs. One reason for each product.
candidates as (
    select
        basket_products.basket,
        pairs.other_product_id as product_id,
        bool_or(bought.basket is not null) as is_owned,
        min(pairs.pair_rank) as pair_rank
    from basket_products
    inner join ranked_pairs as pairs on basket_products.product_id = pairs.product_id
    left join basket_products as bought
        on basket_products.basket = bought.basket and pairs.other_product_id = bought.product_id
    left join products_bought_again on pairs.other_product_id = products_bought_again.product_id
    where
        bought.basket is null
        or (products_bought_again.product_id is not null and not bought.is_subscribed)
    group by basket_products.basket, pairs.other_product_id
),

ranked_candidates as (
    select
        *,
        row_number() over (partition by basket order by pair_rank) as rank
    from candidates
)

select
    -- ids
    customers.account_id,
    candidates.product_id,
    pairs.because_product_id,

    -- words
    pairs.product_name,
    pairs.because_product_name,
    pairs.reasons_en,
    pairs.reasons_de,

    -- numerics
    cast(candidates.rank as bigint) as rank,
    pairs.customers_who_could,
    pairs.customers_later,
    pairs.later_share,
    pairs.later_share_low,
    pairs.lift,
    pairs.lift_low,

    -- booleans
    candidates.is_owned,

    -- dates
    because.last_purchased_on as because_purchased_on
from customers
inner join ranked_candidates as candidates on customers.basket = candidates.basket
inner join pairs_in_words as pairs on candidates.pair_rank = pairs.pair_rank
inner join purchases as because
    on customers.account_id = because.account_id and pairs.because_product_id = because.product_id
where candidates.rank <= 5
