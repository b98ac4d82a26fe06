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

        {{ exact_sum('numerator', "side = 'current'") }} as current_numerator

    value      what is added up; NULL adds nothing
    condition  the rows that count, or none for all
#}
{% macro exact_sum(value, condition=none) -%}
    {{ return(adapter.dispatch('exact_sum', 'crm_kpis')(value, ' filter (where ' ~ condition ~ ')' if condition else '')) }}
{%- endmacro %}

{% macro duckdb__exact_sum(value, filter) -%}
    {%- set whole = 'cast(' ~ value ~ ' as decimal(38, 0))' -%}
    (
        cast(sum({{ whole }}){{ filter }} as double)
        + cast(sum(cast({{ value }} - cast({{ whole }} as double) as decimal(38, 18))){{ filter }} as double)
    )
{%- endmacro %}

{# Spark casts a double to a decimal by way of its text, which takes much longer than by way of a whole number. #}
{% macro default__exact_sum(value, filter) -%}
    {%- set rest = 'cast(rint((' ~ value ~ ' - rint(' ~ value ~ ')) * 1e18) as bigint)' -%}
    (
        cast(sum(
            case
                when abs({{ value }}) < 1e18 then cast(cast(rint({{ value }}) as bigint) as decimal(38, 0))
                else cast({{ value }} as decimal(38, 0))
            end
        ){{ filter }} as double)
        + cast(sum(cast({{ rest }} as decimal(38, 0))){{ filter }} as double) / 1e18
    )
{%- endmacro %}
