{#
    The company's own columns, own_columns.csv of its settings: what is added to the models of the package when they are made, so that no model
    changes from company to company. The macro settings_plugin() finds them (scripts/crm_kpis/settings/own_columns.py checks them); unit tests have
    none.

    - A staging view has all own columns of its raw table, typed.
    - The published table of a raw table (config.meta.own_columns_of) has those that may be published.
    - A fact with keys of other raw tables (config.meta.own_dimensions_by) has those of their columns by which a KPI is split.

    Macros: own_columns_of, own_contract_columns, with_own_columns, own_staging_query, own_fact_query, own_member, query_without_own_columns.
#}

{# The own columns of a raw table, a list of {name, data_type, published_as, is_personal, is_published, is_dimension, is_in_contract}. #}
{% macro own_columns_of(raw_table) %}
    {% if not execute or (model is defined and model.resource_type == 'unit_test') %}
        {{ return([]) }}
    {% endif %}
    {{ return((crm_kpis.settings_plugin().own_columns or {}).get(raw_table, [])) }}
{% endmacro %}


{# Those that the raw contract does not have, by name, each in the form of its columns. #}
{% macro own_contract_columns(raw_table) %}
    {% set columns = {} %}
    {% for column in crm_kpis.own_columns_of(raw_table) if not column.is_in_contract %}
        {% do columns.update({column.name: {
            'name': column.name, 'data_type': column.data_type, 'config': {'meta': {'pii': column.is_personal}}
        }}) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{#
    Adds the own columns to the query of the model that is made.

        {%- set query, added = crm_kpis.with_own_columns(compiled_code) -%}

    Returns the query, and the names of the columns that were added.
#}
{% macro with_own_columns(query) %}
    {% if model.package_name != 'crm_kpis' %}
        {{ return([query, []]) }}
    {% elif model.name.startswith('stg_') %}
        {{ return(crm_kpis.own_staging_query(query, model.name | replace('stg_', '', 1))) }}
    {% endif %}
    {{ return(crm_kpis.own_fact_query(query, model.config.meta)) }}
{% endmacro %}


{# The query of a staging view with the own columns of its raw table, and their names. #}
{% macro own_staging_query(query, raw_table) %}
    {% set columns = crm_kpis.own_contract_columns(raw_table).values() | list %}
    {% if not columns %}
        {{ return([query, []]) }}
    {% endif %}
    {% set names = columns | map(attribute='name') | list %}
    {% set sql %}
with

contract_columns as (
{{ query }}
),

own_columns as (
    select
        _row_number,
        {%- for column in columns %}
        {{ crm_kpis.to_contract_type(column) }} as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ crm_kpis.raw_table(raw_table).relation_name }}
)

select
    contract_columns.*,
    {%- for name in names %}
    own_columns.{{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from contract_columns
inner join own_columns on contract_columns._row_number = own_columns._row_number
    {% endset %}
    {{ return([sql, names]) }}
{% endmacro %}


{#
    The query of a published table, or of a step that measures read, with own columns, and their names. A key is looked up in staging; each is there
    once.

    query  the model's query
    meta   its config.meta: own_columns_of, the raw table whose rows it has; own_dimensions_by, {raw table: the model's column with its key}
#}
{% macro own_fact_query(query, meta) %}
    {#- Each entry is [raw table, its key, the model's column with the key, the columns]. -#}
    {% set looked_up, names = [], [] %}
    {% set keys = dict(meta.own_dimensions_by or {}) %}
    {% if meta.own_columns_of %}
        {#- Its own key is that of the raw table. -#}
        {% do keys.update({meta.own_columns_of: none}) %}
    {% endif %}
    {% for raw_table, key in keys.items() %}
        {% set columns = [] %}
        {% for column in crm_kpis.own_columns_of(raw_table) if column.is_published %}
            {% set is_there = column.is_in_contract and model.name.startswith('dim_') %}
            {% if (column.is_dimension or raw_table == meta.own_columns_of) and not is_there %}
                {% do columns.append(column) %}
                {% do names.append(column.published_as) %}
            {% endif %}
        {% endfor %}
        {% if columns %}
            {% set raw_key = crm_kpis.raw_table(raw_table).config.meta.key[0] %}
            {% do looked_up.append([raw_table, raw_key, key or raw_key, columns]) %}
        {% endif %}
    {% endfor %}
    {% if not looked_up %}
        {{ return([query, []]) }}
    {% endif %}
    {% set sql %}
with

package_columns as (
{{ query }}
){% for raw_table, raw_key, key, columns in looked_up %},

own_{{ raw_table }} as (
    select
        {{ raw_key }},
        {%- for column in columns %}
        {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ graph.nodes['model.crm_kpis.stg_' ~ raw_table].relation_name }}
){% endfor %}

select
    package_columns.*,
    {%- for raw_table, raw_key, key, columns in looked_up %}
    {%- set is_last_table = loop.last %}
    {%- for column in columns %}
    {%- set value = 'own_' ~ raw_table ~ '.' ~ column.name %}
    {{ crm_kpis.own_member(value, 'package_columns.' ~ key, 'own_' ~ raw_table ~ '.' ~ raw_key) if column.is_dimension else value }} as {{ column.published_as }}
        {{- ',' if not (loop.last and is_last_table) }}
    {%- endfor %}
    {%- endfor %}
from package_columns
{%- for raw_table, raw_key, key, columns in looked_up %}
left join own_{{ raw_table }} on package_columns.{{ key }} = own_{{ raw_table }}.{{ raw_key }}
{%- endfor %}
    {% endset %}
    {{ return([sql, names]) }}
{% endmacro %}


{#
    The member of an own dimension that a row belongs to, as text: '(none)' where the row has no key or the value is missing, '(unknown)' where
    its key matches nothing.

        {{ own_member('own_accounts.city', 'package_columns.account_id', 'own_accounts.account_id') }} as city
#}
{% macro own_member(value, key, found) -%}
    coalesce({{ crm_kpis.to_text(value) }}, case when {{ found }} is null and {{ key }} <> '(none)' then '(unknown)' else '(none)' end)
{%- endmacro %}


{# A query of all columns of a relation but the own ones: those that its contract knows. #}
{% macro query_without_own_columns(relation, added) -%}
    {{ return(adapter.dispatch('query_without_own_columns', 'crm_kpis')(relation, added)) }}
{%- endmacro %}

{% macro duckdb__query_without_own_columns(relation, added) -%}
    select *{{ ' exclude (' ~ added | join(', ') ~ ')' if added }} from {{ relation }}
{%- endmacro %}

{% macro default__query_without_own_columns(relation, added) -%}
    select *{{ ' except (' ~ added | join(', ') ~ ')' if added }} from {{ relation }}
{%- endmacro %}
