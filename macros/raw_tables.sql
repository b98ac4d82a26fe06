{#
    What the contract must say while dbt parses, when it knows no sources. `make kpi-docs` writes this file
    from models/staging/_sources.yml.
#}

{# The names of the raw tables. #}
{% macro raw_tables() %}
    {{ return([
        'accounts',
        'contacts',
        'users',
        'campaigns',
        'campaign_days',
        'email_events',
        'web_sessions',
        'leads',
        'deals',
        'deal_stages',
        'products',
        'orders',
        'order_items',
        'subscriptions',
        'costs',
        'tickets',
        'ticket_events',
        'survey_responses',
        'activities',
        'exchange_rates',
    ]) }}
{% endmacro %}


{# By table and column: SQL of what an empty value stands for. #}
{% macro raw_defaults() %}
    {{ return({
        'survey_responses': {
            'scale_min': "case survey_type when 'nps' then 0 else 1 end",
            'scale_max': "case survey_type when 'nps' then 10 when 'ces' then 7 else 5 end",
        },
    }) }}
{% endmacro %}
