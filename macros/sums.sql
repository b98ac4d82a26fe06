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
