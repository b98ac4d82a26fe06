{# The package makes each table and view by one statement, which halves the time of a run. dbt takes that from the project itself only. #}
{% materialization table, adapter='duckdb' %}
    {{ return(crm_kpis.replace_relation('table', compiled_code)) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(crm_kpis.replace_relation('view', compiled_code)) }}
{% endmaterialization %}

{% materialization table, adapter='spark' %}
    {{ return(crm_kpis.replace_spark_table(compiled_code)) }}
{% endmaterialization %}
