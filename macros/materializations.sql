{#
    How models become tables and views: by one `create or replace`, which takes the place of the last build as a whole or not at all. dbt's own
    materializations build under another name, rename twice, drop, and look for keys and indexes to carry over: ten statements a model, whose Python
    costs more than all SQL does on small data. Hooks are run; indexes and grants are not looked at.

    Macros: replace_relation, replace_spark_table, compute_once.
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

{#
    On Spark, too, a model is made by one statement, beside the one that drops the table before it. In the formats delta and iceberg one takes its
    place as a whole. CRM_KPIS_SPARK_FILE_FORMAT names the format.
#}
{% materialization table, adapter='spark' %}
    {{ return(crm_kpis.replace_spark_table(compiled_code)) }}
{% endmaterialization %}

{#
    Makes the table of the model that is built, on Spark, in place of the one from the last build, and checks its contract.

    query  the model's SQL, to which the company's own columns are added
#}
{% macro replace_spark_table(query) %}
    {%- set query, own_columns = crm_kpis.with_own_columns(query) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set file_format = env_var('CRM_KPIS_SPARK_FILE_FORMAT', 'parquet') -%}
    {%- set can_replace = file_format in ['delta', 'iceberg'] -%}
    {%- do run_hooks(pre_hooks) -%}
    {%- set query, computed = crm_kpis.compute_once(query, file_format) -%}
    {%- if existing is not none and not can_replace -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create {{ 'or replace ' if can_replace }}table {{ target }} using {{ file_format }} as
        {{ query }}
    {%- endcall -%}
    {%- for relation in computed -%}
        {%- do adapter.drop_relation(relation) -%}
    {%- endfor -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(crm_kpis.query_without_own_columns(target, own_columns)) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks) -%}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{#
    Makes a table of each CTE of a query that is marked by computed_once(): Spark would compute it anew wherever it is read. Returns the query that
    reads the tables, and the tables, which are to be dropped afterwards.
#}
{% macro compute_once(query, file_format) %}
    {%- set rest = namespace(query=query) -%}
    {%- set tables = [] -%}
    {%- for _ in range(query.count('/* computed once */')) -%}
        {%- set cte = modules.re.search('(?ms)^(\\w+) as /[*] computed once [*]/ [(]\n(.*?)\n[)]', rest.query) -%}
        {%- if cte -%}
            {%- set table = this.incorporate(path={'identifier': this.identifier ~ '__' ~ cte.group(1)}, type='table') -%}
            {%- set before, after = rest.query[:cte.start()], rest.query[cte.end():] -%}
            {%- call statement('drop_computed') -%} drop table if exists {{ table }} {%- endcall -%}
            {%- call statement('compute') -%}
                create table {{ table }} using {{ file_format }} as
                {{ before }}{{ cte.group(1) }} as (
                {{ cte.group(2) }}
                )
                select * from {{ cte.group(1) }}
            {%- endcall -%}
            {%- do tables.append(table) -%}
            {%- set rest.query = before ~ cte.group(1) ~ ' as (select * from ' ~ table ~ ')' ~ after -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return([rest.query, tables]) }}
{% endmacro %}
