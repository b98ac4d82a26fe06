{#
    Fails for each key that is there twice or has a part missing. Renders one row per such key: its columns, the rows that have it and the
    problem. One test for what `unique` and `not_null` need a test a column for.

        data_tests:
          - unique_key:
              arguments:
                columns: [account_id, interval_number]

    columns  the columns that identify a row, one or more
#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(',\n    ') }},
    count(*) as times,
    case
        when {{ columns | join(' is null or ') }} is null then 'a part of the key is missing'
        else 'the key is repeated'
    end as problem
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or {{ columns | join(' is null or ') }} is null
{% endtest %}
