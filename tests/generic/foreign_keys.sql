{#
    Fails for each foreign key of a model that has rows whose key is not in the table it refers to. Renders one row per such column: what it
    refers to, how many rows match nothing and one of their keys. NULL matches nothing either: a key made by the macro segment() is never
    NULL, since the dimensions hold '(none)' and '(unknown)'. Not for raw ids, which may be missing or match nothing.

        data_tests:
          - foreign_keys:
              name: foreign_keys_fct_deals
              arguments:
                references:
                  owner_id: {to: ref('dim_users'), key: user_id}
                  campaign_id: {to: ref('dim_campaigns'), key: campaign_id}

    references  column: {to: the relation it refers to, key: that relation's key column}
#}
{% test foreign_keys(model, references) %}
{% for column, reference in references.items() %}
select
    '{{ column }}' as column_name,
    '{{ reference.to.identifier }}.{{ reference.key }}' as refers_to,
    count(*) as rows_without_match,
    min(cast(child.{{ column }} as {{ dbt.type_string() }})) as one_of_them
from {{ model }} as child
where not exists (select 1 from {{ reference.to }} as parent where parent.{{ reference.key }} = child.{{ column }})
having count(*) > 0
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
