{#
    95 % confidence intervals, as portable SQL over columns of DOUBLE. Each macro renders one bound, NULL where there is none.

    Macros: z_quantile, t_quantile, t_quantile_of_any, polynomial, wilson_low, wilson_high, wilson_bound, poisson_low, poisson_high,
    poisson_bound, mean_low, mean_high, mean_standard_error, mean_within_low, mean_within_high, mean_within, scale_bound, mean_bound.
#}

{# The 97.5 % point of the standard normal distribution. #}
{% macro z_quantile() -%} 1.959963984540054 {%- endmacro %}


{#
    The 97.5 % point of Student's t distribution with `degrees` degrees of freedom, whole or not (Welch's are not). Below 1 there is none.

        {{ t_quantile('sample_size - 1') }}

    Its logarithm is a smooth function of 1 / degrees. These are the coefficients of its Chebyshev approximations, of which one reaches from
    infinitely many degrees to 2 and one from there to 1: the quantile is right to 1 part in 10,000,000,000.
#}
{% macro t_quantile(degrees) -%}
    case
        when {{ degrees }} >= 2 then exp({{ polynomial('(4.0 / (' ~ degrees ~ ') - 1.0)', [
            1.021171370289, 0.3943801040613, 0.04569280745121, -0.00131469967868, -0.000802145735861, 0.0000894662408321,
            0.00001772009001286, -0.000001833808350248, -0.000001114001780948, -0.0000001457313328298, 0.000000284032936313,
            -0.00000006682632665028,
        ]) }})
        when {{ degrees }} >= 1 then exp({{ polynomial('(4.0 / (' ~ degrees ~ ') - 3.0)', [
            1.972911594, 0.5447040254358, 0.0275796418555, -0.003314101617685, 0.0001817662512123, 0.00003829156624146,
            -0.00001206887094823, 0.000001197587684832, 0.0000001501860154049, -0.00000006813349646452, 0.000000007799655818215,
        ]) }})
    end
{%- endmacro %}


{#
    The same for any number of degrees above 0: those of swings (with_swings) may be fewer than 1. Down to a quarter of a degree by
    Chebyshev approximations; below, where the point is so far out that one term of the incomplete beta function is all of it, by that term. Below
    0.05 degrees it stays at 1e25.

        {{ t_quantile_of_any('degrees') }}

    degrees  a column
#}
{% macro t_quantile_of_any(degrees) -%}
    {%- set half = '(greatest(' ~ degrees ~ ', 0.05) / 2.0)' -%}
    case
        when {{ degrees }} >= 1 then {{ t_quantile(degrees) }}
        when {{ degrees }} >= 0.5 then exp({{ polynomial('(2.0 / ' ~ degrees ~ ' - 3.0)', [
            3.78371365439, 1.288952778423, 0.03716129329182, -0.008022597873979, 0.001753882417115, -0.0003455146984858, 0.00005019943080806,
            -0.0000006746635182365, -0.000002911922144701, 0.000001295952577317, -0.0000003458669766288, 0.00000004854529520388,
        ]) }})
        when {{ degrees }} >= 0.25 then exp({{ polynomial('(1.0 / ' ~ degrees ~ ' - 3.0)', [
            7.855324761132, 2.799228210405, 0.0358579041152, -0.008369163101507, 0.002142197773667, -0.0005750809544435, 0.0001587293849563,
            -0.00004444049214389, 0.0000124426470817, -0.000003433324298878, 0.0000009181230937552, -0.0000002160568723611, 0.00000003072881704199,
        ]) }})
        when {{ degrees }} > 0
            then sqrt(2.0 * {{ half }} * (exp(ln({{ half_beta_reciprocal(half) }} / (0.05 * {{ half }})) / {{ half }}) - 1.0))
    end
{%- endmacro %}


{#
    The value of a polynomial by Horner's rule.

        {{ polynomial('x', [1, 2, 3]) }}    1 + x * (2 + x * (3))

    x             a column, or an expression in brackets
    coefficients  the constant first
#}
{% macro polynomial(x, coefficients) -%}
    {%- set terms = [] -%}
    {%- for coefficient in coefficients -%}
        {%- do terms.append('cast(' ~ coefficient ~ ' as double)' ~ (' + ' ~ x ~ ' * (' if not loop.last else '')) -%}
    {%- endfor -%}
    {{ terms | join }}{{ ')' * (coefficients | length - 1) }}
{%- endmacro %}


{#
    The Wilson score interval of a proportion, within 0 and 1. More successes than trials are no proportion: NULL.

        {{ wilson_low('won', 'deals') }} as interval_low
#}
{% macro wilson_low(successes, trials) -%} {{ wilson_bound(successes, trials, '-') }} {%- endmacro %}

{% macro wilson_high(successes, trials) -%} {{ wilson_bound(successes, trials, '+') }} {%- endmacro %}

{% macro wilson_bound(successes, trials, sign) -%}
    case
        -- Rounding would leave the end a little short of itself.
        when {{ trials }} > 0 and {{ successes }} = {{ '0' if sign == '-' else trials }} then {{ '0.0' if sign == '-' else '1.0' }}
        when {{ trials }} > 0 and {{ successes }} >= 0 and {{ successes }} <= {{ trials }}
            then
                greatest(0.0, least(1.0, (
                    {{ successes }} + {{ z_quantile() }} * {{ z_quantile() }} / 2
                    {{ sign }} {{ z_quantile() }} * sqrt(
                        {{ successes }} * ({{ trials }} - {{ successes }}) / {{ trials }}
                        + {{ z_quantile() }} * {{ z_quantile() }} / 4
                    )
                ) / ({{ trials }} + {{ z_quantile() }} * {{ z_quantile() }})))
    end
{%- endmacro %}


{#
    The interval of a rate of events that each happen on their own, by what they are counted on: tickets by units sold. More events than units are a
    rate, too. After Byar's approximation of the exact limits of Poisson's distribution (Rothman and Boice, Epidemiologic Analysis with a Programmable
    Calculator, 1979), which is within 0.03 events of them.

        {{ poisson_low('tickets', 'thousands_of_units_sold') }} as interval_low
#}
{% macro poisson_low(events, exposure) -%} {{ poisson_bound(events, exposure, events, '-') }} {%- endmacro %}

{% macro poisson_high(events, exposure) -%} {{ poisson_bound(events, exposure, '(' ~ events ~ ' + 1)', '+') }} {%- endmacro %}

{% macro poisson_bound(events, exposure, counted, sign) -%}
    case
        when {{ exposure }} > 0 and {{ counted }} = 0 and {{ events }} = 0 then 0.0
        when {{ exposure }} > 0 and {{ events }} >= 0
            then
                {{ counted }} * power(1 - 1 / (9.0 * {{ counted }}) {{ sign }} {{ z_quantile() }} / (3.0 * sqrt({{ counted }})), 3)
                / {{ exposure }}
    end
{%- endmacro %}


{#
    The interval of a mean: mean -/+ t * s / sqrt(n), from the sum, the sum of squares and n. One value has no interval.

        {{ mean_low('total', 'squares', 'n') }} as interval_low
#}
{% macro mean_low(total, squares, n) -%} {{ mean_bound(total, squares, n, '-') }} {%- endmacro %}

{% macro mean_high(total, squares, n) -%} {{ mean_bound(total, squares, n, '+') }} {%- endmacro %}

{#
    The standard error of a mean, s / sqrt(n), from the sum, the sum of squares and n. One value has none.

        {{ mean_standard_error('total', 'squares', 'n') }} as standard_error
#}
{% macro mean_standard_error(total, squares, n) -%}
    case
        when {{ n }} >= 2
            then sqrt(greatest({{ squares }} - {{ total }} * {{ total }} / {{ n }}, 0.0) / ({{ n }} - 1) / {{ n }})
    end
{%- endmacro %}

{#
    The interval of a mean of values that cannot lie below `lowest` or above `highest`; either may be NULL. Means of answers on a scale, of which both are
    known, take three more answers in, three quarters of one at each end and one and a half in the middle: so few answers that are all the same do not
    make an interval without width (Rocks, Interval estimation for the Net Promoter Score, International Journal of Market Research, 2016). Other means are
    Student's, and have no interval where all values are the same. A mean that lies below `lowest` itself, as of orders of which most are credit
    notes, is not cut off.

        {{ mean_within_low('total', 'squares', 'n', 'lowest', 'highest') }} as interval_low
#}
{% macro mean_within_low(total, squares, n, lowest, highest) -%}
    {{ mean_within(total, squares, n, lowest, highest, '-', 'greatest', lowest, 'least') }}
{%- endmacro %}

{% macro mean_within_high(total, squares, n, lowest, highest) -%}
    {{ mean_within(total, squares, n, lowest, highest, '+', 'least', highest, 'greatest') }}
{%- endmacro %}

{% macro mean_within(total, squares, n, lowest, highest, sign, within, end, around) -%}
    case
        when {{ n }} >= 1 and {{ lowest }} is not null and {{ highest }} is not null
            then {{ within }}({{ end }}, {{ around }}({{ total }} / {{ n }}, {{ scale_bound(total, squares, n, lowest, highest, sign) }}))
        -- What rounding left of values that are all the same is no variance.
        when
            {{ n }} >= 2
            and {{ squares }} - {{ total }} * {{ total }} / {{ n }} > 0.00000000000001 * {{ squares }}
            then
                case
                    when {{ total }} / {{ n }} {{ '>=' if sign == '-' else '<=' }} {{ end }}
                        then {{ within }}({{ end }}, {{ mean_bound(total, squares, n, sign) }})
                    else {{ mean_bound(total, squares, n, sign) }}
                end
    end
{%- endmacro %}

{% macro scale_bound(total, squares, n, lowest, highest, sign) -%}
    {%- set middle = '(' ~ lowest ~ ' + ' ~ highest ~ ') / 2.0' -%}
    {%- set half = '(' ~ highest ~ ' - ' ~ lowest ~ ') / 2.0' -%}
    {%- set deviation = '(' ~ total ~ ' - ' ~ n ~ ' * ' ~ middle ~ ') / (' ~ n ~ ' + 3.0)' -%}
    {{ middle }} + {{ deviation }} {{ sign }} {{ z_quantile() }} * sqrt(greatest(
        (
            {{ squares }} - 2 * {{ middle }} * {{ total }} + {{ n }} * {{ middle }} * {{ middle }} + 1.5 * {{ half }} * {{ half }}
        ) / ({{ n }} + 3.0) - {{ deviation }} * {{ deviation }},
        0.0
    ) / ({{ n }} + 3.0))
{%- endmacro %}

{% macro mean_bound(total, squares, n, sign) -%}
    case
        when {{ n }} >= 2
            then
                {{ total }} / {{ n }}
                {{ sign }} ({{ t_quantile(n ~ ' - 1') }}) * ({{ mean_standard_error(total, squares, n) }})
    end
{%- endmacro %}
