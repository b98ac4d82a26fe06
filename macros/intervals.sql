{#
    95 % confidence intervals, as portable SQL over columns of DOUBLE. Each macro renders one bound, NULL where there is none.
#}

{# The 97.5 % point of the standard normal distribution. #}
{% macro z_quantile() -%} 1.959963984540054 {%- endmacro %}


{#
    The 97.5 % point of Student's t distribution with `degrees` degrees of freedom (1 or more).

        {{ t_quantile('sample_size - 1') }}

    Up to 9 degrees the values themselves; from 10 on the expansion of Abramowitz and Stegun 26.7.5 about the normal quantile, whose error
    there is below 0.00001. Below 1 there is none.
#}
{% macro t_quantile(degrees) -%}
    case
        {%- for value in [
            12.706204736174694, 4.302652729749462, 3.182446305283708, 2.776445105197793, 2.570581835636315,
            2.446911851144979, 2.364624251592784, 2.306004135204166, 2.262157162798205,
        ] %}
        when {{ degrees }} = {{ loop.index }} then {{ value }}
        {%- endfor %}
        when {{ degrees }} >= 10
            then
                1.959963984540054
                + 2.372271230298562 / ({{ degrees }})
                + 2.822498615739611 / ({{ degrees }}) / ({{ degrees }})
                + 2.555849679507722 / ({{ degrees }}) / ({{ degrees }}) / ({{ degrees }})
                + 1.589534053393823 / ({{ degrees }}) / ({{ degrees }}) / ({{ degrees }}) / ({{ degrees }})
    end
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
