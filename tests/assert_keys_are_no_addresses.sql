-- Keys are published: an e-mail address is none. It warns, because only the CRM can give other keys.
{{ config(severity='warn') }}

{% set keys = [
    ('dim_accounts', 'account_id'),
    ('dim_users', 'user_id'),
    ('fct_leads', 'lead_id'),
    ('fct_emails', 'contact_id'),
    ('fct_web_visitors', 'visitor_id'),
] %}

with

addresses as (
    {% for table, key in keys %}
    select
        '{{ table }}.{{ key }}' as key_column,
        count(*) as keys_with_an_at_sign
    from {{ ref(table) }}
    where {{ key }} like '%@%'
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    key_column,
    keys_with_an_at_sign
from addresses
where keys_with_an_at_sign > 0
