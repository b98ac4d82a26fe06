{#
    Sums of doubles that are the same in every run.

    Macros: sum_in_order, exact_sum, whole_part, rest_part, sum_of_parts.
#}

{#
    A sum of doubles that is the same in every run: added up in one order. Two threads add doubles up in any order, and the last digits differ.

        {{ sum_in_order('change * change', 'shift') }} as total
        {{ sum_in_order('numerator', 'place', "side = 'current'") }} as current_numerator

    value      what is added up; NULL adds nothing
    order      a column that orders the rows of a group without ties
    condition  the rows that count, or none for all
#}
{% macro sum_in_order(value, order, condition=none) -%}
    {{ return(adapter.dispatch('sum_in_order', 'crm_kpis')(value, order, condition)) }}
{%- endmacro %}

{% macro duckdb__sum_in_order(value, order, condition) -%}
    sum({{ value }} order by {{ order }}){{ ' filter (where ' ~ condition ~ ')' if condition }}
{%- endmacro %}

{% macro default__sum_in_order(value, order, condition) -%}
    {%- set pair = 'struct(' ~ order ~ ' as place, cast(' ~ value ~ ' as double) as addend)' -%}
    {%- set counted = value ~ ' is not null' ~ (' and ' ~ condition if condition) -%}
    case
        when count(*) filter (where {{ counted }}) > 0
            then aggregate(
                array_sort(collect_list({{ pair }}) filter (where {{ counted }})), cast(0 as double), (total, row) -> total + row.addend
            )
    end
{%- endmacro %}

{#
    A sum of doubles that is the same in whatever order they are added up, and much cheaper than an order of many rows: the whole numbers
    and the rests are added up as decimals, which is exact to the eighteenth digit behind the point. For values below 10 ^ 37.

        {{ exact_sum('numerator') }} as numerator

    value  what is added up; NULL adds nothing
#}
{% macro exact_sum(value) -%}
    {{ sum_of_parts(whole_part(value), rest_part(value)) }}
{%- endmacro %}


{#
    The same in two steps, where a value is added up several times: its two parts, then the sum of them.

        select {{ whole_part('numerator') }} as numerator_whole, {{ rest_part('numerator') }} as numerator_rest
        select {{ sum_of_parts('numerator_whole', 'numerator_rest') }} as numerator
#}
{% macro whole_part(value) -%}
    {{ return(adapter.dispatch('whole_part', 'crm_kpis')(value)) }}
{%- endmacro %}

{% macro duckdb__whole_part(value) -%}
    cast({{ value }} as decimal(38, 0))
{%- endmacro %}

{# Spark casts a double to a decimal by way of its text, which takes much longer than by way of a whole number. #}
{% macro default__whole_part(value) -%}
    case
        when abs({{ value }}) < 1e18 then cast(cast(rint({{ value }}) as bigint) as decimal(38, 0))
        else cast({{ value }} as decimal(38, 0))
    end
{%- endmacro %}


{# What is left of a value without its whole part: see there. #}
{% macro rest_part(value) -%}
    {{ return(adapter.dispatch('rest_part', 'crm_kpis')(value)) }}
{%- endmacro %}

{% macro duckdb__rest_part(value) -%}
    cast({{ value }} - cast({{ whole_part(value) }} as double) as decimal(38, 18))
{%- endmacro %}

{% macro default__rest_part(value) -%}
    cast(rint(({{ value }} - rint({{ value }})) * 1e18) as bigint)
{%- endmacro %}


{# The exact sum of values that are given as whole parts and rests: see whole_part. #}
{% macro sum_of_parts(whole, rest) -%}
    {{ return(adapter.dispatch('sum_of_parts', 'crm_kpis')(whole, rest)) }}
{%- endmacro %}

{% macro duckdb__sum_of_parts(whole, rest) -%}
    (cast(sum({{ whole }}) as double) + cast(sum({{ rest }}) as double))
{%- endmacro %}

{% macro default__sum_of_parts(whole, rest) -%}
    (cast(sum({{ whole }}) as double) + cast(sum(cast({{ rest }} as decimal(38, 0))) as double) / 1e18)
{%- endmacro %}
