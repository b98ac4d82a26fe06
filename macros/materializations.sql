{#
    How models become tables and views: by one `create or replace`, which takes the place of the last build as a whole or not at all. dbt's own
    materializations build under another name, rename twice, drop, and look for keys and indexes to carry over: ten statements a model, whose Python
    costs more than all SQL does on small data. Hooks are run; indexes and grants are not looked at.
#}
{% materialization table, adapter='duckdb' %}
    {{ return(crm_kpis.replace_relation('table', compiled_code)) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(crm_kpis.replace_relation('view', compiled_code)) }}
{% endmaterialization %}

{#
    Makes the model that is built, in place of the one from the last build. A contract is checked against what was made, in a transaction, which
    models without contract and hooks need not: dbt's own check plans the query a second time before it is run.

    kind   `table` or `view`
    query  the model's SQL, to which the company's own columns are added; the contract is that of the others
#}
{% macro replace_relation(kind, query) %}
    {%- set query, own_columns = crm_kpis.with_own_columns(query) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type=kind) -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- set needs_transaction = has_contract or pre_hooks or post_hooks -%}
    {%- do run_hooks(pre_hooks) -%}
    {%- if existing is not none and existing.type != kind -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main', auto_begin=needs_transaction) -%}
        create or replace {{ kind }} {{ target }} as (
            {{ query }}
        )
    {%- endcall -%}
    {%- if has_contract -%}
        {%- do get_assert_columns_equivalent(crm_kpis.query_without_own_columns(target, own_columns)) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks) -%}
    {%- if needs_transaction -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {{ return({'relations': [target]}) }}
{% endmacro %}
