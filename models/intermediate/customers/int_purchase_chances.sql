{#
    What the fitted model of int_purchase_model says of each customer. A customer is still one with the chance
    1 / (1 + stop_a / (stop_b + purchases) * ((rate_days + known_days) / (rate_days + repeat_days)) ^ (shape + purchases)), purchases being
    the repeated ones; while it is, the days to its next purchase follow a Pareto distribution.
#}
with

histories as (
    select * from {{ ref('int_purchase_histories') }}
),

model as (
    select * from {{ ref('int_purchase_model') }}
),

customers as (
    select
        histories.outlook_on,
        histories.account_id,
        histories.last_purchased_on,
        histories.repeat_days,
        histories.known_days,
        model.rate_days,
        model.shape + histories.repeat_purchases as purchase_shape,
        model.stop_a,
        model.stop_b + histories.repeat_purchases as stop_b
    from histories
    inner join model on histories.outlook_on = model.outlook_on
),

customers_with_chance as (
    select
        *,
        1 / (1 + stop_a / stop_b * exp(purchase_shape * ln((rate_days + known_days) / (rate_days + repeat_days)))) as active_chance,
        (rate_days + repeat_days) * (exp(ln(2.0) / purchase_shape) - 1) as half_bought_days,
        -- Of the chance to stop after a purchase of those who have not stopped so far: mean, standard deviation and half the skewness.
        stop_a / (stop_a + stop_b + 1) as stop_mean,
        sqrt(stop_a * (stop_b + 1) / (stop_a + stop_b + 2)) / (stop_a + stop_b + 1) as stop_deviation,
        (stop_b + 1 - stop_a) * sqrt(stop_a + stop_b + 2) / (stop_a + stop_b + 3) / sqrt(stop_a * (stop_b + 1)) as stop_half_skewness
    from customers
),

-- The two points of Gauss' quadrature for that distribution.
customers_with_points as (
    select
        *,
        stop_mean + stop_deviation * (stop_half_skewness - sqrt(1 + stop_half_skewness * stop_half_skewness)) as low_stop,
        stop_mean + stop_deviation * (stop_half_skewness + sqrt(1 + stop_half_skewness * stop_half_skewness)) as high_stop,
        0.5 * (1 + stop_half_skewness / sqrt(1 + stop_half_skewness * stop_half_skewness)) as low_weight
    from customers_with_chance
)

select
    -- ids
    outlook_on,
    account_id,

    -- numerics
    active_chance,
    {% for days in [30, 90, 365] %}
    active_chance * (1 - exp(-purchase_shape * ln(1 + {{ days }} / (rate_days + known_days)))) as purchase_chance_{{ days }}_days,
    {% endfor %}
    active_chance * (
        low_weight * (1 - exp(-purchase_shape * ln(1 + low_stop * 365 / (rate_days + known_days)))) / low_stop
        + (1 - low_weight) * (1 - exp(-purchase_shape * ln(1 + high_stop * 365 / (rate_days + known_days)))) / high_stop
    ) as expected_purchases_365_days,

    -- dates
    case when half_bought_days < 3650 then {{ add_days('last_purchased_on', 'ceil(half_bought_days)') }} end as next_purchase_due_on
from customers_with_points
