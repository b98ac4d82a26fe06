with

items as (
    select
        subscription_item.subscription_id,
        subscription_item.item_id,
        subscription_item.quantity,
        coalesce(subscription_item.unit_amount, price.unit_amount) as unit_amount,
        coalesce(subscription_item.currency, price.currency) as currency,
        coalesce(subscription_item.product_id, price.product_id) as product_id,
        coalesce(subscription_item.interval_count, price.interval_count, 1) as interval_count,
        case coalesce(subscription_item.interval, price.interval)
            when 'year' then 1 / 12
            when 'week' then 52 / 12
            when 'day' then 365 / 12
            else 1
        end as times_a_month
    from subscription_item
    left join price on subscription_item.price_id = price.price_id
),

prices as (
    select
        subscription_id,
        round(sum(coalesce(quantity, 1) * unit_amount * times_a_month / interval_count / units_in(currency)), 4) as monthly_amount,
        arg_min(currency, item_id) as currency,
        arg_min(product_id, item_id) as product_id
    from items
    group by subscription_id
),

subscriptions_with_days as (
    select
        *,
        coalesce(day_of(trial_ends_at) + 1, day_of(started_at)) as started_on,
        -- The day of the click is another one; a cancellation may lie ahead.
        day_of(coalesce(ended_at, cancels_at)) as ended_on
    from subscription
)

select
    subscriptions_with_days.subscription_id,
    subscriptions_with_days.customer_id as account_id,
    subscriptions_with_days.started_on,
    subscriptions_with_days.ended_on,
    prices.monthly_amount,
    upper(prices.currency) as currency,
    prices.product_id,
    case
        when lower(subscriptions_with_days.status) in ('incomplete', 'incomplete_expired') then 'never paid'
        when subscriptions_with_days.trial_ends_at is not null and subscriptions_with_days.ended_on < subscriptions_with_days.started_on
            then 'ended in its trial'
    end as _left_out
from subscriptions_with_days
left join prices on subscriptions_with_days.subscription_id = prices.subscription_id
