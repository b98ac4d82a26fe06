{%- set traits = ['source', 'score_band', 'industry', 'country', 'company_size', 'ideal_customer', 'qualified', 'engagement', 'age'] -%}
with

lead_days as (
    select * from {{ ref('int_lead_days') }}
),

trait_rates as (
    select * from {{ ref('int_lead_trait_rates') }}
),

totals as (
    select
        day_number,
        log_odds
    from trait_rates
    where trait_by = 'all'
),

-- A trait that was never seen before says nothing.
leads_with_odds as (
    select
        lead_days.*,
        totals.log_odds as total_log_odds,
        {%- for trait in traits %}
        coalesce({{ trait }}_rates.log_odds, 0.0){{ ' +' if not loop.last }}
        {%- endfor %} as trait_log_odds
    from lead_days
    inner join totals on lead_days.day_number = totals.day_number
    {%- for trait in traits %}
    left join trait_rates as {{ trait }}_rates
        on
            {{ trait }}_rates.trait_by = '{{ trait }}'
            and lead_days.day_number = {{ trait }}_rates.day_number
            and lead_days.{{ trait }} = {{ trait }}_rates.trait
    {%- endfor %}
),

days as (
    select distinct
        day_number,
        day
    from leads_with_odds
),

-- Traits go together, so their sum says too much. How much too much is seen from the days of two years whose outcome was known by then.
outcomes as (
    select
        day_number,
        total_log_odds,
        floor(trait_log_odds * 10 + 0.5) / 10.0 as trait_log_odds,
        count(*) as leads,
        count(*) filter (where is_won_in_time) as won_leads
    from leads_with_odds
    where is_won_in_time is not null
    group by day_number, total_log_odds, floor(trait_log_odds * 10 + 0.5) / 10.0
),

outcomes_known as (
    select
        days.day_number,
        outcomes.total_log_odds,
        outcomes.trait_log_odds as x,
        outcomes.leads as n,
        outcomes.won_leads as k,
        row_number() over (
            partition by days.day_number order by outcomes.day_number, outcomes.trait_log_odds
        ) as place
    from days
    inner join days as earlier_days
        on
            {{ add_days('earlier_days.day', setting('lead_chance_days')) }} <= days.day
            and {{ add_days('earlier_days.day', setting('lead_chance_days') ~ ' + 730') }} > days.day
    inner join outcomes on earlier_days.day_number = outcomes.day_number
),

-- log odds = total + a + b * traits: a logistic regression by Newton's method, drawn to a = 0 and b = 1 as if by four wins each.
step_0 as (
    select
        day_number,
        cast(0 as double) as a,
        cast(1 as double) as b
    from days
),

{% for step in range(1, 7) -%}
chances_{{ step }} as (
    select
        outcomes_known.day_number,
        outcomes_known.place,
        outcomes_known.x,
        outcomes_known.n,
        outcomes_known.k,
        step.a,
        step.b,
        1 / (1 + exp(-(outcomes_known.total_log_odds + step.a + step.b * outcomes_known.x))) as p
    from outcomes_known
    inner join step_{{ step - 1 }} as step on outcomes_known.day_number = step.day_number
),

sums_{{ step }} as (
    select
        day_number,
        max(a) as a,
        max(b) as b,
        {{ sum_in_order('k - n * p', 'place') }} - 4 * max(a) as slope_a,
        {{ sum_in_order('(k - n * p) * x', 'place') }} - 4 * (max(b) - 1) as slope_b,
        {{ sum_in_order('n * p * (1 - p)', 'place') }} + 4 as curve_a,
        {{ sum_in_order('n * p * (1 - p) * x', 'place') }} as curve_ab,
        {{ sum_in_order('n * p * (1 - p) * x * x', 'place') }} + 4 as curve_b
    from chances_{{ step }}
    group by day_number
),

step_{{ step }} as (
    select
        day_number,
        greatest(-5.0, least(5.0, a + (curve_b * slope_a - curve_ab * slope_b) / (curve_a * curve_b - curve_ab * curve_ab))) as a,
        greatest(0.0, least(2.0, b + (curve_a * slope_b - curve_ab * slope_a) / (curve_a * curve_b - curve_ab * curve_ab))) as b
    from sums_{{ step }}
),

{% endfor -%}
-- Of all these days as_of is shown, and the three of the back-test, half a year apart.
leads_calibrated as (
    select
        leads_with_odds.*,
        leads_with_odds.total_log_odds + coalesce(step_6.a, 0.0) + coalesce(step_6.b, 1.0) * leads_with_odds.trait_log_odds as log_odds
    from leads_with_odds
    left join step_6 on leads_with_odds.day_number = step_6.day_number
    where leads_with_odds.day_number in (0, 1, 3, 5)
)

select
    -- ids
    day_number,
    lead_id,

    -- segments
    {%- for trait in traits %}
    {{ trait }},
    {%- endfor %}

    -- numerics
    score,
    1 / (1 + exp(-log_odds)) as win_chance,
    trait_log_odds,

    -- booleans
    is_won_in_time,

    -- dates
    day
from leads_calibrated
