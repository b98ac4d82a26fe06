-- Keys are published: an e-mail address is none. It warns, because only the CRM, or the setting mask_addresses_in_keys, gives other keys.
{{ config(severity='warn', meta={
    'label': {'en': 'Columns of keys with e-mail addresses', 'de': 'Schlüsselspalten mit E-Mail-Adressen'},
    'shows': "key_column || ': ' || keys_with_an_at_sign || ' keys; see mask_addresses_in_keys in settings.yml'",
}) }}

{% set keys = {
    'dim_accounts': ['account_id', 'owner_id'],
    'dim_campaigns': ['campaign_id'],
    'dim_products': ['product_id'],
    'dim_users': ['user_id', 'manager_id'],
    'fct_activities': ['activity_id', 'owner_id', 'account_id', 'lead_id', 'deal_id', 'ticket_id'],
    'fct_campaign_days': ['raw_campaign_id', 'campaign_id'],
    'fct_costs': ['cost_id', 'account_id'],
    'fct_crm_projects': ['project_id'],
    'fct_customer_intervals': ['account_id'],
    'fct_deal_forecasts': ['deal_id', 'owner_id'],
    'fct_deal_stage_visits': ['deal_id', 'owner_id'],
    'fct_deals': ['deal_id', 'account_id', 'owner_id', 'product_id', 'campaign_id', 'lead_id'],
    'fct_emails': ['email_id', 'campaign_id', 'contact_id', 'account_id'],
    'fct_leads': ['lead_id', 'owner_id', 'campaign_id', 'account_id', 'deal_id'],
    'fct_new_customers': ['account_id', 'deal_id', 'lead_id'],
    'fct_order_lines': ['order_id', 'account_id', 'product_id'],
    'fct_orders': ['order_id', 'account_id', 'deal_id'],
    'fct_subscriptions': ['subscription_id', 'account_id', 'product_id'],
    'fct_survey_responses': ['response_id', 'account_id', 'owner_id', 'ticket_id', 'deal_id', 'product_id'],
    'fct_tickets': ['ticket_id', 'account_id', 'owner_id', 'product_id'],
    'fct_web_visitors': ['visitor_id', 'campaign_id', 'lead_id', 'account_id'],
} %}

with

addresses as (
    {% for table, columns in keys.items() %}
    {% set is_last_table = loop.last %}
    {% for column in columns %}
    select
        '{{ table }}.{{ column }}' as key_column,
        count(*) as keys_with_an_at_sign
    from {{ ref(table) }}
    where {{ column }} like '%@%'
    {{ 'union all' if not (loop.last and is_last_table) }}
    {% endfor %}
    {% endfor %}
)

select
    key_column,
    keys_with_an_at_sign
from addresses
where keys_with_an_at_sign > 0
