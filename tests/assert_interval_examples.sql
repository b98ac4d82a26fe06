{# It asks the macros, not the data: like unit tests it is left out of `crm-kpis run`. #}
{{ config(tags=['examples']) }}

-- The macros of the intervals against numbers worked out by hand, to four digits (the Net Promoter Score: two).
with

proportion_examples (successes, trials, expected_low, expected_high) as (
    values
    -- the specification's close_rate
    (25, 100, 0.1755, 0.3430),
    -- z * z = 3.8415: of 0 and of all successes one bound is z * z / (n + z * z) away from the end, the other is the end
    (0, 10, 0.0, 0.2775),
    (10, 10, 0.7225, 1.0),
    (1, 1, 0.2065, 1.0),
    -- no trials, more successes than trials, fewer than none
    (0, 0, null, null),
    (3, 2, null, null),
    (-1, 2, null, null)
),

proportions as (
    select
        'wilson ' || cast(successes as {{ dbt.type_string() }}) || ' of ' || cast(trials as {{ dbt.type_string() }}) as example,
        cast(successes as double) as successes,
        cast(trials as double) as trials,
        cast(expected_low as double) as expected_low,
        cast(expected_high as double) as expected_high
    from proportion_examples
),

mean_examples (total, squares, n, expected_low, expected_high) as (
    values
    -- 10 and 14: 12 -/+ 12.7062 * sqrt(8 / 2)
    (24, 296, 2, -13.4124, 37.4124),
    -- 1 to 10: 5.5 -/+ 2.26216 * sqrt(82.5 / 9 / 10) = 5.5 -/+ 2.26216 * 0.957427
    (55, 385, 10, 3.3341, 7.6659),
    -- 1 to 11, from where t is an expansion: 6 -/+ 2.22814 * sqrt(110 / 10 / 11) = 6 -/+ 2.22814
    (66, 506, 11, 3.7719, 8.2281),
    -- 1 to 30: 15.5 -/+ 2.04523 * sqrt(2247.5 / 29 / 30) = 15.5 -/+ 2.04523 * 1.607275
    (465, 9455, 30, 12.2128, 18.7872),
    -- all the same
    (30, 300, 3, 10.0, 10.0),
    -- one value, none
    (10, 100, 1, null, null),
    (0, 0, 0, null, null)
),

means as (
    select
        'mean of ' || cast(n as {{ dbt.type_string() }}) as example,
        cast(total as double) as total,
        cast(squares as double) as squares,
        cast(n as double) as n,
        cast(expected_low as double) as expected_low,
        cast(expected_high as double) as expected_high
    from mean_examples
),

score_examples (promoters, detractors, n, expected_low, expected_high) as (
    values
    -- the specification's net_promoter_score, with three more answers: 3000 / 103 -/+ 1.95996 * sqrt((715000 / 103 - 848.337) / 103)
    (50, 20, 100, 14.05, 44.20),
    -- 20 -/+ 1.95996 * sqrt((25000 / 5 - 400) / 5)
    (1, 0, 2, -39.45, 79.45),
    -- 25 -/+ 1.95996 * 37.5; then the value itself, which is as high as can be
    (1, 0, 1, -48.50, 100.0),
    -- five promoters: 62.5 - 1.95996 * sqrt((65000 / 8 - 3906.25) / 8)
    (5, 0, 5, 17.49, 100.0)
),

scores as (
    select
        'nps of ' || cast(n as {{ dbt.type_string() }}) as example,
        cast(100 * (promoters - detractors) as double) as total,
        cast(10000 * (promoters + detractors) as double) as squares,
        cast(n as double) as n,
        cast(expected_low as double) as expected_low,
        cast(expected_high as double) as expected_high
    from score_examples
),

bounds as (
    select
        example,
        0.00005 as tolerance,
        expected_low,
        expected_high,
        {{ wilson_low('successes', 'trials') }} as interval_low,
        {{ wilson_high('successes', 'trials') }} as interval_high
    from proportions
    union all
    select
        example,
        0.00005 as tolerance,
        expected_low,
        expected_high,
        {{ mean_low('total', 'squares', 'n') }} as interval_low,
        {{ mean_high('total', 'squares', 'n') }} as interval_high
    from means
    union all
    select
        example,
        0.005 as tolerance,
        expected_low,
        expected_high,
        {{ mean_within_low('total', 'squares', 'n', '-100.0', '100.0') }} as interval_low,
        {{ mean_within_high('total', 'squares', 'n', '-100.0', '100.0') }} as interval_high
    from scores
)

select *
from bounds
where
    (interval_low is null) <> (expected_low is null)
    or (interval_high is null) <> (expected_high is null)
    or abs(interval_low - expected_low) > tolerance
    or abs(interval_high - expected_high) > tolerance
