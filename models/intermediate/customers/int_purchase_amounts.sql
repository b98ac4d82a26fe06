{#
    What a customer's next purchase is likely to bring: the average of its own purchases, drawn towards that of all customers the more, the
    fewer there are and the more they differ (Buehlmann and Straub, Glaubwuerdigkeit fuer Schadensaetze, 1970).
#}
with

purchase_days as (
    select * from {{ ref('int_purchase_days') }}
),

customers as (
    select
        account_id,
        count(amount) as purchases,
        cast(sum(amount) as double) as amount,
        {{ sum_in_order('cast(amount as double) * cast(amount as double)', 'purchased_on') }} as squares
    from purchase_days
    group by account_id
    having count(amount) > 0
),

totals as (
    select
        count(*) as customers,
        cast(sum(purchases) as double) as purchases,
        cast(sum(purchases * purchases) as double) as purchase_squares,
        {{ sum_in_order('amount', 'account_id') }} as amount,
        {{ sum_in_order('squares', 'account_id') }} as squares,
        {{ sum_in_order('amount * amount / purchases', 'account_id') }} as squares_of_averages
    from customers
),

variances as (
    select
        amount / purchases as average,
        greatest(squares - squares_of_averages, 0.0) / nullif(purchases - customers, 0) as within_variance,
        squares_of_averages - amount * amount / purchases as between_squares,
        customers,
        purchases - purchase_squares / purchases as between_purchases
    from totals
),

spreads as (
    select
        average,
        within_variance,
        greatest(between_squares - (customers - 1) * within_variance, 0.0) / nullif(between_purchases, 0) as across_variance
    from variances
)

select
    customers.account_id,
    customers.purchases,
    customers.amount / customers.purchases as average_amount,
    -- Where no customer has bought twice nothing is known of how purchases of one differ: one of all customers' is added.
    case
        when spreads.within_variance is null or spreads.across_variance is null
            then (customers.amount + spreads.average) / (customers.purchases + 1)
        when spreads.across_variance > 0
            then
                (customers.amount + spreads.within_variance / spreads.across_variance * spreads.average)
                / (customers.purchases + spreads.within_variance / spreads.across_variance)
        else spreads.average
    end as expected_amount
from customers
cross join spreads
