{#
    Fails for what a model breaks of its promises: a key that is there twice or has a part missing, a foreign key that matches nothing, a column
    that is NULL, a value outside of its set. One test a model for all of it, since a test costs dbt more time than DuckDB. Renders one row per
    broken key, column and value: the problem, the columns, a value, and how many rows have it.

        data_tests:
          - integrity:
              name: integrity_fct_deals
              arguments:
                key: [deal_id]
                foreign_keys:
                  owner_id: {to: ref('dim_users'), key: user_id}
                  campaign_id: {to: ref('dim_campaigns'), key: campaign_id}
                never_null: [created_on]
                sets:
                  score_band: ["0-19", "20-39"]

    key           the columns that identify a row, one or more
    foreign_keys  column: {to: the relation it refers to, key: that relation's key column}. NULL matches nothing either: a key made by the macro
                  segment() is never NULL, since the dimensions hold '(none)' and '(unknown)'. Not for raw ids, which may be missing or match nothing.
    never_null    the columns that must hold a value in every row; those of a key are checked already. A row that misses several counts for
                  the first of them, since a view is read once for all.
    sets          column: the values it may have, all text. NULL is in no set.
#}
{% test integrity(model, key=[], foreign_keys={}, never_null=[], sets={}) %}
{%- set text = dbt.type_string() %}
select
    cast(null as {{ text }}) as problem,
    cast(null as {{ text }}) as column_name,
    cast(null as {{ text }}) as found,
    0 as times
where false
{%- if key %}
{%- set is_missing = key | join(' is null or ') ~ ' is null' %}

union all

select
    case when {{ is_missing }} then 'a part of the key is missing' else 'the key is repeated' end as problem,
    '{{ key | join(', ') }}' as column_name,
    {%- for column in key %}
    coalesce(cast({{ column }} as {{ text }}), 'NULL'){{ " || ', ' ||" if not loop.last else ' as found,' }}
    {%- endfor %}
    count(*) as times
from {{ model }}
group by {{ key | join(', ') }}
having count(*) > 1 or {{ is_missing }}
{%- endif %}
{%- for column, reference in foreign_keys.items() %}

union all

select
    'matches nothing in {{ reference.to.identifier }}.{{ reference.key }}' as problem,
    '{{ column }}' as column_name,
    min(cast(child.{{ column }} as {{ text }})) as found,
    count(*) as times
from {{ model }} as child
where not exists (select 1 from {{ reference.to }} as parent where parent.{{ reference.key }} = child.{{ column }})
having count(*) > 0
{%- endfor %}
{%- if never_null %}

union all

select
    'is missing' as problem,
    missing.column_name,
    cast(null as {{ text }}) as found,
    count(*) as times
from (
    select
        case
            {%- for column in never_null %}
            when {{ column }} is null then '{{ column }}'
            {%- endfor %}
        end as column_name
    from {{ model }}
    where {{ never_null | join(' is null or ') }} is null
) as missing
group by missing.column_name
{%- endif %}
{%- for column, values in sets.items() %}

union all

select
    'is not accepted' as problem,
    '{{ column }}' as column_name,
    cast({{ column }} as {{ text }}) as found,
    count(*) as times
from {{ model }}
where
    {{ column }} is null
    or {{ column }} not in (
        {%- for value in values %}{{ dbt.string_literal(dbt.escape_single_quotes(value)) }}{{ ', ' if not loop.last }}{% endfor -%}
    )
group by {{ column }}
{%- endfor %}
{% endtest %}
