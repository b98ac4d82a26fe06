{#
    The measures that models compute, as a list of names: those of the lines `<aggregate> as <name>`, of `median_measure('<name>', ...)`, and
    those that a query calls `'<name>' as measure`, of each model that the model `measures` reads. Aliases of other columns are in the list,
    too: it is there to find measures that nothing computes. While dbt parses it is empty.

        {% for measure in computed_measures() %}
#}
{% macro computed_measures() %}
    {% set names = [] %}
    {% if execute %}
        {% for unique_id in graph.nodes['model.crm_kpis.measures'].depends_on.nodes %}
            {% set sql = graph.nodes[unique_id].raw_code %}
            {% do names.extend(modules.re.findall('(?m) as (\w+),?\s*$', sql)) %}
            {% do names.extend(modules.re.findall("'(\w+)' as measure", sql)) %}
            {% do names.extend(modules.re.findall("median_measure\(\s*'(\w+)'", sql)) %}
        {% endfor %}
    {% endif %}
    {{ return(names | unique | sort) }}
{% endmacro %}
