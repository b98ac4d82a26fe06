{#
    Is the difference between two values real? Tests, intervals of differences and the correction for many tests, as portable SQL in double
    precision: arithmetic, exp, ln, sqrt and window functions alone. An argument is named often: pass columns, not expressions.
    tests/python/test_significance.py holds all of it against scipy.

    Macros: normal_p_value, normal_p_value_of, add_student_p_values, _hill_z, _beta_fraction, half_beta_reciprocal, proportions_z,
    _observed_by_expected, proportions_difference_low, proportions_difference_high, welch_degrees, pooled_error, adjust_p_values.
#}

{#
    The two-sided p-value of a standard normal z, by the rational approximation of Hart (Computer Approximations, 1968, no. 5666), as given
    by West (Better approximations to cumulative normal functions, 2005). Right to 14 digits up to z = 7, to 1 % beyond, never negative.

        {{ normal_p_value('z') }} as p_value
#}
{% macro normal_p_value(z) -%}
    2 * exp(-({{ z }}) * ({{ z }}) / 2)
    * ({{ polynomial('abs(' ~ z ~ ')', [
        220.206867912376, 221.213596169931, 112.079291497871, 33.912866078383, 6.37396220353165, 0.700383064443688, 0.0352624965998911,
    ]) }})
    / ({{ polynomial('abs(' ~ z ~ ')', [
        440.413735824752, 793.826512519948, 637.333633378831, 296.564248779674, 86.7807322029461, 16.064177579207, 1.75566716318264,
        0.0883883476483184,
    ]) }})
{%- endmacro %}


{#
    The two-sided p-value of a difference whose variance is known, by the normal distribution; NULL where it does not vary.

        {{ normal_p_value_of('difference', 'variance') }} as p_value
#}
{% macro normal_p_value_of(difference, variance) -%}
    case when {{ variance }} > 0 then least(1.0, {{ normal_p_value('(' ~ difference ~ ' / sqrt(' ~ variance ~ '))') }}) end
{%- endmacro %}


{#
    The two-sided p-values of Student's t with any number of degrees of freedom above 0, whole or not. Their error is below 0.000000001. Renders CTEs, the
    last of which is the relation with the p-values; each step has its own, since what is named often would make an expression without end.

        with
        {{ add_student_p_values('with_t', 'tested', {'p_value': ['t', 'degrees']}) }}
        select t, degrees, p_value from tested

    relation  has the columns
    name      of the last CTE; those before it begin with it
    p_values  a name for each p-value: the column with t, not negative, and the one with its degrees of freedom

    From 16 degrees on by Hill's expansion (Algorithm 395, Communications of the ACM, 1970), which turns t into a normal z. Below that it is the
    incomplete beta function I_x(degrees / 2, 1 / 2) at x = degrees / (degrees + t * t) by its continued fraction (Abramowitz and Stegun
    26.5.8), or 1 - I_(1 - x)(1 / 2, degrees / 2), whichever converges faster.
#}
{% macro add_student_p_values(relation, name, p_values) -%}
{{ name }}_squares as (
    select
        *,
        {%- for p, (t, degrees) in p_values.items() %}
        {{ t }} * {{ t }} / {{ degrees }} as {{ p }}_square{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
),

{{ name }}_logarithms as (
    select
        *,
        {%- for p, (t, degrees) in p_values.items() %}
        -- The logarithm of nearly 1 has few digits: its series has them all.
        case
            when {{ p }}_square < 0.001 then {{ p }}_square * ({{ polynomial(p ~ '_square', [1, -0.5, 1 / 3, -0.25]) }})
            else ln(1 + {{ p }}_square)
        end as {{ p }}_log,
        1 / (1 + {{ p }}_square) as {{ p }}_share,
        1 / (1 + {{ p }}_square) < ({{ degrees }} + 2) / ({{ degrees }} + 5) as {{ p }}_is_far{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ name }}_squares
),

{{ name }}_arguments as (
    select
        *,
        {%- for p, (t, degrees) in p_values.items() %}
        ({{ degrees }} - 0.5) * {{ p }}_log as {{ p }}_y,
        exp(-{{ degrees }} / 2.0 * {{ p }}_log) * sqrt({{ p }}_square * {{ p }}_share) as {{ p }}_power,
        case when {{ p }}_is_far then {{ p }}_share else {{ p }}_square * {{ p }}_share end as {{ p }}_x,
        case when {{ p }}_is_far then {{ degrees }} / 2.0 else 0.5 end as {{ p }}_a,
        case when {{ p }}_is_far then 0.5 else {{ degrees }} / 2.0 end as {{ p }}_b{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ name }}_logarithms
),

{{ name }}_inner_fractions as (
    select
        *,
        {%- for p in p_values %}
        {{ _beta_fraction(p, [11, 10, 9, 8], '1.0') }} as {{ p }}_inner_fraction{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ name }}_arguments
),

{{ name }}_fractions as (
    select
        *,
        {%- for p in p_values %}
        {{ _beta_fraction(p, [7, 6, 5, 4], p ~ '_inner_fraction') }} as {{ p }}_fraction{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ name }}_inner_fractions
),

{{ name }}_tails as (
    select
        *,
        {%- for p, (t, degrees) in p_values.items() %}
        case when {{ degrees }} >= 16 then {{ _hill_z(p ~ '_y', degrees) }} end as {{ p }}_z,
        case
            when {{ degrees }} > 0 and {{ degrees }} < 16
                then
                    {{ p }}_power * {{ half_beta_reciprocal('(' ~ degrees ~ ' / 2.0)') }} / {{ p }}_a
                    / {{ _beta_fraction(p, [3, 2, 1, 0], p ~ '_fraction') }}
        end as {{ p }}_tail{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ name }}_fractions
),

{{ name }} as (
    select
        *,
        {%- for p, (t, degrees) in p_values.items() %}
        case
            when {{ degrees }} >= 16 then {{ normal_p_value(p ~ '_z') }}
            when {{ degrees }} > 0 then case when {{ p }}_is_far then {{ p }}_tail else 1 - {{ p }}_tail end
        end as {{ p }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ name }}_tails
)
{%- endmacro %}

{# Hill's z of y = (degrees - 1 / 2) * ln(1 + t * t / degrees). #}
{% macro _hill_z(y, degrees) -%}
    {%- set b = '(48 * (' ~ degrees ~ ' - 0.5) * (' ~ degrees ~ ' - 0.5))' -%}
    (
        (({{ polynomial(y, [-85.5, -24, -3.3, -0.4]) }}) / (0.8 * {{ y }} * {{ y }} + 100 + {{ b }}) + {{ y }} + 3) / {{ b }} + 1
    ) * sqrt({{ y }})
{%- endmacro %}

{#
    Terms of the continued fraction 1 + d1 / (1 + d2 / (1 + ...)) of the incomplete beta function, from the inside out: two for each number m,
    the greatest first, around the rest of it.
#}
{% macro _beta_fraction(p, terms, rest) -%}
    {%- set x, a, b = p ~ '_x', p ~ '_a', p ~ '_b' -%}
    {%- set fraction = namespace(sql=rest) -%}
    {%- for m in terms -%}
        {%- set even -%}
            {{ m + 1 }} * ({{ b }} - {{ m + 1 }}) * {{ x }} / ({{ a }} + {{ 2 * m + 1 }}) / ({{ a }} + {{ 2 * m + 2 }})
        {%- endset -%}
        {%- set odd -%}
            ({{ a }} + {{ m }}) * ({{ a }} + {{ b }} + {{ m }}) * {{ x }} / ({{ a }} + {{ 2 * m }}) / ({{ a }} + {{ 2 * m + 1 }})
        {%- endset -%}
        {%- set fraction.sql = '(1 - ' ~ odd ~ ' / (1 + ' ~ even ~ ' / ' ~ fraction.sql ~ '))' -%}
    {%- endfor -%}
    {{ fraction.sql }}
{%- endmacro %}

{#
    1 / B(a, 1 / 2) = Gamma(a + 1 / 2) / Gamma(a) / sqrt(pi). The quotient is taken eight steps further on, where its asymptotic series (Tricomi and
    Erdelyi, 1951) is right to eleven digits, and brought back by Gamma(x + 1) = x * Gamma(x).
#}
{% macro half_beta_reciprocal(a) -%}
    {%- set reciprocal = '(1 / (' ~ a ~ ' + 8))' -%}
    sqrt(({{ a }} + 8) / 3.141592653589793)
    * ({{ polynomial(reciprocal, [
        1, -0.125, 0.0078125, 0.0048828125, -0.000640869140625, -0.001522064208984375, 0.00020718574523925781, 0.0011719763278961182,
        -0.00015575298108160496, -0.0016715768585,
    ]) }})
    {%- for step in range(8) %} * ({{ a }} + {{ step }}) / ({{ a }} + {{ step }}.5){% endfor %}
{%- endmacro %}


{#
    The standard normal z of the difference of two proportions, without its sign: the smaller of two tests', the 'N - 1' chi-squared test and the
    likelihood ratio test, scaled alike. NULL where a cell of the two-by-two table is expected to hold less than 1: too few data to say anything.

        {{ proportions_z('won_before', 'deals_before', 'won_after', 'deals_after') }} as z      normal_p_value('z') has its p-value

    Campbell (Chi-squared and Fisher-Irwin tests of two-by-two tables, Statistics in Medicine, 2007) finds the first sound at the level of
    5 % from that size on, where Fisher's exact test claims too little. Many tests are judged at far lower levels, however, and there it
    claims up to ten times too often where the two samples differ in size; the second errs where the first does not. Taking the larger of the two p-values keeps every level
    down to 0.0001.
#}
{% macro proportions_z(successes_1, trials_1, successes_2, trials_2) -%}
    {%- set trials = '(' ~ trials_1 ~ ' + ' ~ trials_2 ~ ')' -%}
    {%- set successes = '(' ~ successes_1 ~ ' + ' ~ successes_2 ~ ')' -%}
    {%- set cross = '(' ~ successes_1 ~ ' * (' ~ trials_2 ~ ' - ' ~ successes_2 ~ ') - ' ~ successes_2 ~ ' * (' ~ trials_1 ~ ' - ' ~ successes_1 ~ '))' -%}
    {%- set chi -%}
        (abs({{ cross }}) * sqrt(({{ trials }} - 1) / {{ trials_1 }} / {{ trials_2 }} / {{ successes }} / ({{ trials }} - {{ successes }})))
    {%- endset -%}
    {%- set deviance -%}
        sqrt(greatest(2 * ({{ trials }} - 1) / {{ trials }} * (
            {{ _observed_by_expected(successes_1, trials_1, successes, trials) }}
            + {{ _observed_by_expected('(' ~ trials_1 ~ ' - ' ~ successes_1 ~ ')', trials_1, '(' ~ trials ~ ' - ' ~ successes ~ ')', trials) }}
            + {{ _observed_by_expected(successes_2, trials_2, successes, trials) }}
            + {{ _observed_by_expected('(' ~ trials_2 ~ ' - ' ~ successes_2 ~ ')', trials_2, '(' ~ trials ~ ' - ' ~ successes ~ ')', trials) }}
        ), 0.0))
    {%- endset -%}
    case
        when
            {{ successes_1 }} between 0 and {{ trials_1 }}
            and {{ successes_2 }} between 0 and {{ trials_2 }}
            and least({{ trials_1 }}, {{ trials_2 }}) * least({{ successes }}, {{ trials }} - {{ successes }}) >= {{ trials }}
            then least({{ chi }}, {{ deviance }})
    end
{%- endmacro %}

{# A term of the likelihood ratio: observed * ln(observed / expected), 0 where nothing was observed. #}
{% macro _observed_by_expected(observed, row, column, trials) -%}
    case when {{ observed }} > 0 then {{ observed }} * ln({{ observed }} * {{ trials }} / {{ row }} / {{ column }}) else 0.0 end
{%- endmacro %}


{#
    The 95 % interval of a difference of two proportions, the second minus the first, from their Wilson intervals: Newcombe's hybrid score interval
    (Interval estimation for the difference between independent proportions, Statistics in Medicine, 1998, method 10).

        {{ proportions_difference_low('rate_before', 'low_before', 'high_before', 'rate_after', 'low_after', 'high_after') }} as difference_low
#}
{% macro proportions_difference_low(value_1, low_1, high_1, value_2, low_2, high_2) -%}
    {{ value_2 }} - {{ value_1 }} - sqrt(
        ({{ value_2 }} - {{ low_2 }}) * ({{ value_2 }} - {{ low_2 }}) + ({{ high_1 }} - {{ value_1 }}) * ({{ high_1 }} - {{ value_1 }})
    )
{%- endmacro %}

{% macro proportions_difference_high(value_1, low_1, high_1, value_2, low_2, high_2) -%}
    {{ value_2 }} - {{ value_1 }} + sqrt(
        ({{ high_2 }} - {{ value_2 }}) * ({{ high_2 }} - {{ value_2 }}) + ({{ value_1 }} - {{ low_1 }}) * ({{ value_1 }} - {{ low_1 }})
    )
{%- endmacro %}


{#
    Satterthwaite's degrees of freedom of the difference of two means, for Welch's test, from their standard errors and sizes. NULL where a side has
    fewer than two values, or neither varies.

        {{ welch_degrees('error_before', 'n_before', 'error_after', 'n_after') }} as degrees
#}
{% macro welch_degrees(error_1, n_1, error_2, n_2) -%}
    case
        when {{ n_1 }} >= 2 and {{ n_2 }} >= 2 and {{ error_1 }} + {{ error_2 }} > 0
            then
                ({{ error_1 }} * {{ error_1 }} + {{ error_2 }} * {{ error_2 }})
                * ({{ error_1 }} * {{ error_1 }} + {{ error_2 }} * {{ error_2 }})
                / (
                    {{ error_1 }} * {{ error_1 }} * {{ error_1 }} * {{ error_1 }} / ({{ n_1 }} - 1)
                    + {{ error_2 }} * {{ error_2 }} * {{ error_2 }} * {{ error_2 }} / ({{ n_2 }} - 1)
                )
    end
{%- endmacro %}


{#
    The standard error of a difference of two means if both vary alike, as Student's test with n_1 + n_2 - 2 degrees of freedom has it.

        {{ pooled_error('error_before', 'n_before', 'error_after', 'n_after') }} as pooled_error
#}
{% macro pooled_error(error_1, n_1, error_2, n_2) -%}
    case
        when {{ n_1 }} >= 2 and {{ n_2 }} >= 2
            then sqrt(
                (
                    {{ error_1 }} * {{ error_1 }} * {{ n_1 }} * ({{ n_1 }} - 1.0)
                    + {{ error_2 }} * {{ error_2 }} * {{ n_2 }} * ({{ n_2 }} - 1.0)
                ) / ({{ n_1 }} + {{ n_2 }} - 2) * (1.0 / {{ n_1 }} + 1.0 / {{ n_2 }})
            )
    end
{%- endmacro %}


{#
    Adjusts p-values for their number by the procedure of Benjamini and Hochberg (Controlling the false discovery rate, 1995): of what has an adjusted p-value
    of at most 0.05, no more than 5 % is chance on average. Renders `select *, p_value_adjusted`; rows without a
    p-value keep NULL.

        {{ adjust_p_values('tested', family=['evaluation_name'], key=['kpi_id']) }}

    relation  has the column p_value
    p_value   its name; the name of the adjusted one ends in _adjusted
    family    columns: p-values that are equal in them are judged together
    key       columns that order equal p-values, so that a run repeats the other
    times     how often such a p-value is asked for, a column; none: once. The family counts them all, as if the others had shown nothing
#}
{% macro adjust_p_values(relation, family, key, p_value='p_value', times=none) -%}
    {%- set tests = 'sum(case when ' ~ p_value ~ ' is not null then ' ~ times ~ ' end)' if times else 'count(' ~ p_value ~ ')' -%}
    select
        *,
        case
            when {{ p_value }} is not null
                then least(1.0, min({{ p_value }} * {{ p_value }}_tests / {{ p_value }}_rank) over (
                    partition by {{ family | join(', ') }} order by {{ p_value }}_rank desc rows between unbounded preceding and current row
                ))
        end as {{ p_value }}_adjusted
    from (
        select
            *,
            {{ tests }} over (partition by {{ family | join(', ') }}) as {{ p_value }}_tests,
            row_number() over (partition by {{ family | join(', ') }} order by {{ p_value }} asc nulls last, {{ key | join(', ') }}) as {{ p_value }}_rank
        from {{ relation }}
    ) as ranked_p_values
{%- endmacro %}
