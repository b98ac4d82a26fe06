{#
    The columns whose completeness can be asked for, by table: those that the settings table mandatory_fields accepts. While dbt parses and
    sqlfluff checks, each table has one column that stands for all.

        {% for table, columns in record_fields().items() %}
#}
{% macro record_fields() %}
    {% if not execute %}
        {{ return({'accounts': ['owner_id'], 'contacts': ['email'], 'leads': ['owner_id'], 'deals': ['owner_id'], 'tickets': ['channel']}) }}
    {% endif %}
    {% set plugin = settings_plugin() %}
    {% if plugin %}
        {{ return(plugin.record_fields) }}
    {% endif %}
    {{ return(graph.sources['source.crm_kpis.settings.mandatory_fields'].columns['column_name'].config.meta.values_of) }}
{% endmacro %}
