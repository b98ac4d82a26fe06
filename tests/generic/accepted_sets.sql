{#
    Fails for each value that is not in its column's set. Renders one row per column and value, with how many rows have it. NULL is in no set.

        data_tests:
          - accepted_sets:
              name: accepted_sets_kpi_catalogue
              arguments:
                sets:
                  unit: [ratio, currency, days]
                  good: [up, down, none]

    sets  column: the values it may have, all text
#}
{% test accepted_sets(model, sets) %}
{% for column, values in sets.items() %}
select
    '{{ column }}' as column_name,
    {{ column }} as not_accepted,
    count(*) as times
from {{ model }}
where
    {{ column }} is null
    or {{ column }} not in (
        {%- for value in values %}{{ dbt.string_literal(dbt.escape_single_quotes(value)) }}{{ ', ' if not loop.last }}{% endfor -%}
    )
group by {{ column }}
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
