{#
    95 % confidence intervals, as portable SQL over columns of DOUBLE. Each macro renders one bound, NULL where there is none.

    Macros: z_quantile, t_quantile, polynomial, wilson_low, wilson_high, wilson_bound, mean_low, mean_high, mean_standard_error,
    nps_low, nps_high, mean_bound.
#}

{# The 97.5 % point of the standard normal distribution. #}
{% macro z_quantile() -%} 1.959963984540054 {%- endmacro %}


{#
    The 97.5 % point of Student's t distribution with `degrees` degrees of freedom, whole or not (Welch's are not). Below 1 there is none.

        {{ t_quantile('sample_size - 1') }}

    Its logarithm is a smooth function of 1 / degrees. These are the coefficients of its Chebyshev approximation of degree 12 between 0 and
    1: from 1 degree to infinitely many the quantile is right to 2 parts in 1,000,000,000.
#}
{% macro t_quantile(degrees) -%}
    {%- set reciprocal = '(1.0 / (' ~ degrees ~ '))' -%}
    case when {{ degrees }} >= 1 then exp({{ polynomial(reciprocal, [
        0.672926096294, 1.21036522434, 0.707557241734, 0.152644370945, -0.236880299275, -0.0703059620843, 0.231653202668,
        -0.406216816374, 0.776080135075, -0.956600125084, 0.678427556209, -0.259548438472, 0.0419882511742,
    ]) }}) end
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

{# The interval of a Net Promoter Score: that of a mean of scores in {-100, 0, 100}, within -100 and 100. #}
{% macro nps_low(total, squares, n) -%}
    case when {{ n }} >= 2 then greatest({{ mean_low(total, squares, n) }}, -100.0) end
{%- endmacro %}

{% macro nps_high(total, squares, n) -%}
    case when {{ n }} >= 2 then least({{ mean_high(total, squares, n) }}, 100.0) end
{%- endmacro %}

{% macro mean_bound(total, squares, n, sign) -%}
    case
        when {{ n }} >= 2
            then
                {{ total }} / {{ n }}
                {{ sign }} ({{ t_quantile(n ~ ' - 1') }}) * ({{ mean_standard_error(total, squares, n) }})
    end
{%- endmacro %}
