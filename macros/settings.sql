{#
    The value of a key of settings.yml, or its default, as a value of Jinja: a text, a number, a list, or none.

        {{ add_days('purchased_on', setting('churn_after_days')) }}

    The plugin reads the settings directory when dbt opens its first connection (scripts/crm_kpis/run/dbt_plugin.py) and leaves the values
    in its own part of the target, so that dbt neither parses anything again where one has changed, nor asks the database while it compiles.
    Unit tests see the defaults and what they override as vars, whatever a company has set. Where there is no plugin (another engine,
    sqlfluff), a var of the same name takes its place.
#}
{% macro setting(key) -%}
    {#- dbt parses models before it has the settings; what a model then renders is not run. -#}
    {%- if not execute -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set plugin = settings_plugin() -%}
    {%- if not plugin -%}
        {%- set declared = graph.sources['source.crm_kpis.settings.settings_yml'].columns -%}
        {{ return(var(key, declared[key].config.meta.default)) }}
    {%- elif model is defined and model.resource_type == 'unit_test' -%}
        {{ return(var(key, plugin.defaults[key])) }}
    {%- else -%}
        {{ return(plugin.settings[key]) }}
    {%- endif -%}
{%- endmacro %}


{#
    What the plugin has left in the target: `settings`, `defaults`, `record_fields`, and `own_columns`, `own_dimensions`, `own_splits`. Another
    engine has no plugin, and crm-kpis leaves the same in an environment variable. Without either: nothing.
#}
{% macro settings_plugin() -%}
    {%- for plugin in target.get('plugins') or [] if plugin.module == 'crm_kpis.run.dbt_plugin' -%}
        {{ return(plugin.config) }}
    {%- endfor -%}
    {{ return(fromjson(env_var('CRM_KPIS_SETTING_VALUES', '{}'))) }}
{%- endmacro %}
