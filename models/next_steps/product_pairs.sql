with

purchases as (
    select * from {{ ref('int_product_purchases') }}
),

customers as (
    select cast(count(distinct account_id) as double) as customers from purchases
),

products as (
    select
        product_id,
        count(*) as customers,
        count(*) filter (where purchase_days > 1) as customers_again
    from purchases
    group by product_id
),

pairs as (
    select
        purchases.product_id,
        other_purchases.product_id as other_product_id,
        count(*) as customers_with_both,
        count(*) filter (where other_purchases.first_purchased_on > purchases.first_purchased_on) as customers_later
    from purchases
    inner join purchases as other_purchases
        on purchases.account_id = other_purchases.account_id and purchases.product_id <> other_purchases.product_id
    group by purchases.product_id, other_purchases.product_id
),

-- Who had the other one before, or took both at once, could not buy it later. A product is its own follower where it is bought again.
pairs_counted as (
    select
        pairs.product_id,
        pairs.other_product_id,
        false as is_same_product,
        products.customers,
        pairs.customers_with_both,
        pairs.customers_later,
        products.customers - pairs.customers_with_both + pairs.customers_later as customers_who_could,
        other_products.customers as other_customers
    from pairs
    inner join products on pairs.product_id = products.product_id
    inner join products as other_products on pairs.other_product_id = other_products.product_id
    union all
    select
        product_id,
        product_id as other_product_id,
        true as is_same_product,
        customers,
        customers as customers_with_both,
        customers_again as customers_later,
        customers as customers_who_could,
        customers as other_customers
    from products
    where customers_again > 0
),

shares as (
    select
        pairs_counted.*,
        cast(pairs_counted.customers_with_both as double) / pairs_counted.customers as with_share,
        cast(pairs_counted.other_customers as double) / customers.customers as usual_share,
        {{ wilson_low('cast(pairs_counted.customers_with_both as double)', 'cast(pairs_counted.customers as double)') }} as with_share_low,
        {{ wilson_high('cast(pairs_counted.other_customers as double)', 'customers.customers') }} as usual_share_high,
        cast(pairs_counted.customers_later as double) / nullif(pairs_counted.customers_who_could, 0) as later_share,
        {{ wilson_low('cast(pairs_counted.customers_later as double)', 'cast(pairs_counted.customers_who_could as double)') }}
            as later_share_low
    from pairs_counted
    cross join customers
)

select
    -- ids
    product_id,
    other_product_id,

    -- numerics
    customers,
    customers_with_both,
    with_share,
    usual_share,
    case when not is_same_product then with_share / usual_share end as lift,
    case when not is_same_product then with_share_low / usual_share_high end as lift_low,
    customers_who_could,
    customers_later,
    later_share,
    later_share_low,

    -- booleans
    customers_later >= 5
    and case when is_same_product then later_share_low >= 0.1 else with_share_low > usual_share_high end as is_rule
from shares
