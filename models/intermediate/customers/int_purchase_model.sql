{#
    The MBG/NBD model (Batislam, Denizel and Filiztekin, Empirical validation and comparison of models for customer base analysis,
    International Journal of Research in Marketing, 2007) of the purchases of customers: while a customer is one, it buys at random at a
    rate of its own; after each purchase, the first one too, it may stop for good, with a chance of its own. Rates follow a gamma
    distribution (shape, rate_days), the chances to stop a beta distribution (stop_a, stop_b).

    The four parameters are those under which the purchases seen are likeliest. They are sought on a grid around the best point so far: each
    of 32 rounds looks one step to both sides in all four directions together (81 points), goes to the best one, and halves the step
    where the middle is the best. The search is over logarithms. Steps:
    round_0    a first guess from the purchases per day
    round_N    the best point after N rounds
    Each round is read once by the next, since some engines put a CTE in wherever it is read.
#}
{% set rounds = 32 %}

-- noqa: disable=references.keywords
with

histories as (
    select * from {{ ref('int_purchase_histories') }}
),

cells as (
    select * from {{ ref('int_purchase_cells') }}
),

totals as (
    select
        outlook_on,
        count(*) as customers,
        cast(sum(case when repeat_purchases > 0 then 1 else 0 end) as bigint) as repeat_customers,
        cast(sum(repeat_purchases) as double) as repeat_purchases,
        cast(sum(known_days) as double) as known_days
    from histories
    group by outlook_on
),

purchase_groups as {{ computed_once() }} (
    select distinct
        outlook_on,
        purchase_group,
        repeat_purchases as purchases
    from cells
),

steps (move) as (
    values (-1), (0), (1)
),

moves as {{ computed_once() }} (
    select
        steps_1.move as move_1,
        steps_2.move as move_2,
        steps_3.move as move_3,
        steps_4.move as move_4
    from steps as steps_1
    cross join steps as steps_2
    cross join steps as steps_3
    cross join steps as steps_4
),

round_0 as (
    select
        outlook_on,
        cast(0 as double) as log_shape,
        ln(2.0 * repeat_purchases / known_days) as log_rate,
        cast(-1 as double) as logit_stop,
        cast(1 as double) as log_stop_size,
        cast(1 as double) as step,
        cast(0 as double) as log_likelihood
    from totals
    where customers >= 20 and repeat_customers >= 5
),

{% for round in range(1, rounds + 1) %}
points_{{ round }} as (
    select
        round_{{ round - 1 }}.outlook_on,
        round_{{ round - 1 }}.step,
        abs(moves.move_1) + abs(moves.move_2) + abs(moves.move_3) + abs(moves.move_4) as moved,
        moves.move_1 * 27 + moves.move_2 * 9 + moves.move_3 * 3 + moves.move_4 as move_number,
        round_{{ round - 1 }}.log_shape + moves.move_1 * round_{{ round - 1 }}.step as log_shape,
        round_{{ round - 1 }}.log_rate + moves.move_2 * round_{{ round - 1 }}.step as log_rate,
        round_{{ round - 1 }}.logit_stop + moves.move_3 * round_{{ round - 1 }}.step as logit_stop,
        round_{{ round - 1 }}.log_stop_size + moves.move_4 * round_{{ round - 1 }}.step as log_stop_size
    from round_{{ round - 1 }}
    cross join moves
),

parameters_{{ round }} as (
    select
        *,
        exp(log_shape) as shape,
        exp(log_shape - log_rate) as rate_days,
        exp(log_stop_size) / (1 + exp(-logit_stop)) as stop_a,
        exp(log_stop_size) / (1 + exp(logit_stop)) as stop_b
    from points_{{ round }}
),

-- What depends on the point and the number of purchases alone, once for each of the two.
purchase_terms_{{ round }} as (
    select
        point.*,
        purchase_groups.purchase_group,
        purchase_groups.purchases,
        {{ log_gamma('point.shape + purchase_groups.purchases') }} - {{ log_gamma('point.shape') }}
        + point.shape * ln(point.rate_days)
        + {{ log_gamma('point.stop_a + point.stop_b') }} - {{ log_gamma('point.stop_b') }}
        + {{ log_gamma('point.stop_b + purchase_groups.purchases + 1') }}
        - {{ log_gamma('point.stop_a + point.stop_b + purchase_groups.purchases + 1') }} as log_bought,
        ln(point.stop_a / (point.stop_b + purchase_groups.purchases)) as log_stopped
    from parameters_{{ round }} as point
    inner join purchase_groups on point.outlook_on = purchase_groups.outlook_on
),

-- The odds that a customer has stopped, as a logarithm: of one who bought every day and has been silent for years they have no end.
cell_terms_{{ round }} as (
    select
        terms.*,
        cells.customers,
        cells.known_days,
        terms.log_stopped + (terms.shape + terms.purchases) * ln(
            (terms.rate_days + cells.known_days) / (terms.rate_days + cells.repeat_days)
        ) as log_odds
    from purchase_terms_{{ round }} as terms
    inner join cells on terms.outlook_on = cells.outlook_on and terms.purchase_group = cells.purchase_group
),

-- The least of equal values is that value. The likeliest point of few data may lie at infinity: half a customer's worth of opinion
-- holds it near usual values.
likelihoods_{{ round }} as (
    select
        outlook_on,
        move_number,
        min(moved) as moved,
        min(step) as step,
        min(log_shape) as log_shape,
        min(log_rate) as log_rate,
        min(logit_stop) as logit_stop,
        min(log_stop_size) as log_stop_size,
        sum(cast(
            customers * (
                log_bought
                - (shape + purchases) * ln(rate_days + known_days)
                + greatest(log_odds, 0.0)
                + ln(1 + exp(-abs(log_odds)))
            ) as decimal(28, 12)
        )) as log_likelihood,
        cast((
            min(log_shape) * min(log_shape)
            + (min(logit_stop) + 1) * (min(logit_stop) + 1)
            + (min(log_stop_size) - 1) * (min(log_stop_size) - 1)
        ) / 8 as decimal(28, 12)) as doubt
    from cell_terms_{{ round }}
    group by outlook_on, move_number
),

-- What differs by less than a DOUBLE can tell is alike, so that all engines take the same point.
ranked_{{ round }} as (
    select
        *,
        row_number() over (
            partition by outlook_on order by cast(log_likelihood - doubt as decimal(28, 9)) desc, moved asc, move_number asc
        ) as place
    from likelihoods_{{ round }}
),

round_{{ round }} as {{ computed_once() }} (
    select
        outlook_on,
        log_shape,
        log_rate,
        logit_stop,
        log_stop_size,
        case when moved = 0 then step / 2 else step end as step,
        cast(log_likelihood as double) as log_likelihood
    from ranked_{{ round }}
    where place = 1
),
{% endfor %}

parameters_fitted as (
    select
        outlook_on,
        exp(log_shape) as shape,
        exp(log_shape - log_rate) as rate_days,
        exp(log_stop_size) / (1 + exp(-logit_stop)) as stop_a,
        exp(log_stop_size) / (1 + exp(logit_stop)) as stop_b,
        step,
        log_likelihood
    from round_{{ rounds }}
)

select
    totals.outlook_on,
    totals.customers,
    totals.repeat_customers,
    parameters_fitted.shape,
    parameters_fitted.rate_days,
    parameters_fitted.stop_a,
    parameters_fitted.stop_b,
    parameters_fitted.log_likelihood,
    parameters_fitted.step
from totals
left join parameters_fitted on totals.outlook_on = parameters_fitted.outlook_on
