{#
    Fails for each column that is NULL anywhere. Renders one row per such column, with how many rows lack it.

        data_tests:
          - never_null:
              arguments:
                columns: [created_on, amount]

    columns  the columns that must hold a value in every row; those of a key are checked by unique_key already
#}
{% test never_null(model, columns) %}
{% for column in columns %}
select
    '{{ column }}' as column_name,
    count(*) as rows_without_value
from {{ model }}
where {{ column }} is null
having count(*) > 0
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
