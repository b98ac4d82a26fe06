{#
    A personal column of the raw contract in a published model: NULL, unless the setting publish_personal_columns lists it. So names and
    addresses stay in staging, and the model has the same columns either way.

        {{ personal_column('accounts.name', 'name') }} as account_name

    The two comments mark what no definition of a measure depends on.

    raw_column  table.column of the raw contract, which says by `published_as` where it is published
    expression  what to show where it is listed: of a placeholder row its key

    Macros: personal_column, personal_columns, without_contact_details.
#}
{% macro personal_column(raw_column, expression) -%}
    {%- set is_published = raw_column in (setting('publish_personal_columns') or []) -%}
    /* personal column */ {{ expression if is_published else 'cast(null as ' ~ dbt.type_string() ~ ')' }} /* end of personal column */
{%- endmacro %}


{# The personal columns of the raw contract and of the company's own, each as table.column. Only there when dbt executes, not while it parses. #}
{% macro personal_columns() %}
    {% set names = [] %}
    {% for table in graph.sources.values() if table.source_name == 'raw' %}
        {% for column in table.columns.values() if column.config.meta.get('pii') %}
            {% do names.append(table.name ~ '.' ~ column.name) %}
        {% endfor %}
        {% for column in own_columns_of(table.name) if column.is_personal %}
            {% do names.append(table.name ~ '.' ~ column.name) %}
        {% endfor %}
    {% endfor %}
    {{ return(names | sort) }}
{% endmacro %}


{#
    A text in which `(address)` stands for each e-mail address, and `(phone)` for each phone number: one that begins with +, or with 0 and
    has a mark behind its area code, so that no date and no amount is one.

        {{ without_contact_details('raw_value') }} as raw_value
#}
{% macro without_contact_details(text) -%}
    {{ return(adapter.dispatch('without_contact_details', 'crm_kpis')(text)) }}
{%- endmacro %}

{% macro duckdb__without_contact_details(text) -%}
    regexp_replace(
        regexp_replace({{ text }}, '[^\s@|]+@[^\s@|]+', '(address)', 'g'),
        '(^|[^\d.,-])(\+[1-9][\d ()/.-]{6,17}\d|\(?00?[1-9]\d{1,4}\)?[ /-]+\d[\d ()/-]{2,14}\d)', '\1(phone)', 'g'
    )
{%- endmacro %}

{% macro default__without_contact_details(text) -%}
    regexp_replace(
        regexp_replace({{ text }}, r'[^\s@|]+@[^\s@|]+', '(address)'),
        r'(^|[^\d.,-])(\+[1-9][\d ()/.-]{6,17}\d|\(?00?[1-9]\d{1,4}\)?[ /-]+\d[\d ()/-]{2,14}\d)', '$1(phone)'
    )
{%- endmacro %}
