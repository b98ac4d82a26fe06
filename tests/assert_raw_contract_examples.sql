{#
    The checks of the raw contract, as models/staging/_sources.yml ships them, on rows made by hand. No unit test can do this: in one, dbt has
    no graph, from which the macros read the contract. So this test renders the macros' own SQL and lets it read the rows below.

    rows      table: its raw rows, text as it comes from CSV; the other columns are NULL
    rejected  the rows that must be rejected: (table, line, key, column, reason, none or
              the raw row as JSON, which is compared for products), and no others
    values    the values that must become NULL: (table, line, key, column, reason, raw value), and no others of these tables
#}
{# Thousands of lines rendered by macros: minutes for sqlfluff, as with rejected_rows (.sqlfluffignore). #}
{# It asks the macros, not the data: like unit tests it is left out of `crm-kpis run`. #}
{{ config(enabled=target.name != 'lint', tags=['examples']) }}

{% set rows = {
    'accounts': [
        {'_row_number': 2, 'account_id': '  ', 'name': 'no key', 'employee_count': 'many'},
        {'_row_number': 3, 'account_id': 'a1', 'employee_count': '12.5', 'annual_revenue': '1,000', 'created_at': '1969-12-31'},
        {'_row_number': 4, 'account_id': 'a2', 'employee_count': ' 12.0 ', 'annual_revenue': '1000.5', 'created_at': '2024-03-05T14:07:00+02:00'},
        {'_row_number': 5, 'account_id': 'a3', 'employee_count': '', 'created_at': ' '},
        {'_row_number': 6, 'account_id': ' (none) '},
        {'_row_number': 7, 'account_id': '(unknown)'},
    ],
    'users': [
        {'_row_number': 2, 'user_id': 'u1', 'hired_on': '2024-01-02', 'left_on': '2024-01-01'},
        {'_row_number': 3, 'user_id': 'u2', 'hired_on': '2024-01-02', 'left_on': '2024-01-02'},
        {'_row_number': 4, 'user_id': 'u3', 'left_on': '2024-01-01'},
    ],
    'campaigns': [
        {'_row_number': 2, 'campaign_id': 'c1', 'started_on': '2024-01-02', 'ended_on': '2024-01-01'},
        {'_row_number': 3, 'campaign_id': 'c2', 'started_on': '2024-01-02', 'ended_on': '2024-01-02'},
    ],
    'campaign_days': [
        {'_row_number': 2, 'campaign_id': 'c1', 'day': '1969-12-31'},
        {'_row_number': 3, 'campaign_id': 'c1', 'day': '1970-01-01'},
        {'_row_number': 4, 'campaign_id': 'c1', 'day': '2099-12-31'},
        {'_row_number': 5, 'campaign_id': 'c1', 'day': '2100-01-01'},
        {'_row_number': 6, 'campaign_id': 'c1', 'day': '2024-02-29'},
        {'_row_number': 7, 'campaign_id': 'c1', 'day': '2023-02-29'},
        {'_row_number': 8, 'campaign_id': 'c1', 'day': 'soon'},
        {'_row_number': 9},
    ],
    'email_events': [
        {'_row_number': 2, 'event_id': 'e1', 'email_id': 'm1', 'event_type': ' Sent ', 'occurred_at': '2024-01-01T08:00:00Z'},
        {'_row_number': 3, 'event_id': 'e2', 'email_id': 'm1', 'event_type': 'send', 'occurred_at': '2024-01-01T08:00:00Z'},
    ],
    'web_sessions': [
        {'_row_number': 2, 'session_id': 's1', 'visitor_id': 'v1', 'started_at': '2024-01-01 24:30:00'},
        {'_row_number': 3, 'session_id': 's2', 'visitor_id': 'v1', 'started_at': '2099-12-31 23:59:59'},
        {'_row_number': 4, 'session_id': 's3', 'visitor_id': 'v1', 'started_at': '2099-12-31T23:30:00-01:00'},
    ],
    'leads': [
        {'_row_number': 2, 'lead_id': 'l1', 'created_at': '2024-01-02 08:00:00', 'converted_at': '2023-12-31 08:00:00', 'score': 'high'},
        {'_row_number': 3, 'lead_id': 'l2', 'created_at': '2024-01-02 08:00:00', 'converted_at': '2024-01-02 08:00:00'},
        {'_row_number': 4, 'lead_id': 'l3', 'created_at': '2024-01-02 08:00:00', 'converted_at': 'yes'},
        {'_row_number': 5, 'lead_id': 'l4', 'created_at': '2024-01-02 08:00:00', 'qualified_at': '2023-12-31 08:00:00', 'first_touch_at': '2024-01-04 08:00:00'},
        {'_row_number': 6, 'lead_id': 'l5', 'created_at': '2024-01-02 08:00:00', 'disqualified_at': '2023-12-31 08:00:00'},
        {'_row_number': 7, 'lead_id': 'l6', 'created_at': '2024-01-02 08:00:00', 'qualified_at': '2024-01-02 08:00:00', 'first_touch_at': '2024-01-02 08:00:00'},
    ],
    'deals': [
        {'_row_number': 2, 'deal_id': 'd1', 'created_at': '2024-01-02 08:00:00', 'status': ' WON ', 'closed_at': '2024-01-02'},
        {'_row_number': 3, 'deal_id': 'd2', 'created_at': '2024-01-02 08:00:00', 'status': 'pending', 'amount': 'ten'},
        {'_row_number': 4, 'deal_id': 'd3', 'created_at': '2024-01-02 08:00:00', 'status': 'lost'},
        {'_row_number': 5, 'deal_id': 'd4', 'created_at': '2024-01-02 08:00:00', 'status': 'Won', 'closed_at': 'soon'},
        {'_row_number': 6, 'deal_id': 'd5', 'created_at': '2024-01-02 08:00:00', 'status': 'open', 'closed_at': 'soon', 'amount': 'ten'},
        {'_row_number': 7, 'deal_id': 'd6', 'created_at': '2024-01-02 08:00:00', 'status': 'won', 'closed_at': '2023-12-31'},
        {'_row_number': 8, 'deal_id': 'd7', 'created_at': 'soon', 'status': ''},
        {'_row_number': 9, 'deal_id': 'd8', 'created_at': 'soon', 'status': 'pending'},
        {'_row_number': 10, 'deal_id': 'd9', 'created_at': '2024-01-02', 'status': 'open', 'closed_at': '2024-02-01'},
        {'_row_number': 11, 'deal_id': 'one_date_for_both', 'created_at': '2024-01-02', 'status': 'open', 'closed_at': '2024-02-01', 'expected_close_on': '2024-02-01'},
        {'_row_number': 12, 'deal_id': 'by_updated_at', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-03-01'},
        {'_row_number': 13, 'deal_id': 'by_updated_at', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-02-01'},
        {'_row_number': 14, 'deal_id': ' by_updated_at ', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-01-15'},
        {'_row_number': 15, 'deal_id': 'same_updated_at', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-03-01'},
        {'_row_number': 16, 'deal_id': 'same_updated_at', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-03-01'},
        {'_row_number': 17, 'deal_id': 'updated_once', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-03-01'},
        {'_row_number': 18, 'deal_id': 'updated_once', 'status': 'open', 'created_at': '2024-01-01'},
        {'_row_number': 19, 'deal_id': 'later_is_invalid', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-03-01'},
        {'_row_number': 20, 'deal_id': 'later_is_invalid', 'status': 'pending', 'created_at': '2024-01-01', 'updated_at': '2024-04-01'},
        {'_row_number': 22, 'deal_id': 'latest_is_invalid', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-03-01'},
        {'_row_number': 23, 'deal_id': 'latest_is_invalid', 'status': 'open', 'created_at': '2024-01-01', 'updated_at': '2024-02-01'},
        {'_row_number': 24, 'deal_id': 'latest_is_invalid', 'status': 'pending', 'created_at': '2024-01-01', 'updated_at': '2024-04-01'},
        {'_row_number': 21, 'deal_id': 'd10', 'status': 'open', 'created_at': '2024-01-01', 'owner_id': '(none)'},
    ],
    'deal_stages': [
        {'_row_number': 2, 'deal_id': 'd1', 'stage': 'Qualify', 'entered_at': '2024-03-05T14:07:00+02:00'},
        {'_row_number': 3, 'deal_id': 'd1', 'stage': 'Proposal', 'entered_at': '2024-03-05 12:07:00'},
        {'_row_number': 4, 'deal_id': 'd2', 'stage': 'Proposal', 'entered_at': '2024-03-05 12:07:00', 'exited_at': '2024-03-05 12:06:59'},
        {'_row_number': 5, 'deal_id': 'd3', 'stage': 'Qualify', 'entered_at': '2024-03-05'},
        {'_row_number': 6, 'deal_id': 'd3', 'stage': 'Proposal', 'entered_at': '2024-03-05'},
        {'_row_number': 7, 'deal_id': 'd3', 'stage': 'Qualify', 'entered_at': '2024-03-06'},
        {'_row_number': 8, 'deal_id': 'd3', 'stage': 'Proposal', 'entered_at': '2024-03-06'},
    ],
    'products': [
        {'_row_number': 2, 'product_id': 'p1', 'name': 'a "first"', 'unit_cost': ' 1 '},
        {'_row_number': 3, 'product_id': 'p1', 'name': 'second'},
        {'_row_number': 4, 'product_id': 'p1', 'name': 'third', 'unit_cost': '-'},
        {'_row_number': 5, 'product_id': 'P1', 'name': 'another'},
    ],
    'orders': [
        {'_row_number': 2, 'order_id': 'o1', 'account_id': 'a1', 'ordered_at': '2024-03-05T14:07:00+02:00', 'amount': '-12.5'},
        {'_row_number': 3, 'order_id': 'o2', 'account_id': 'a1', 'ordered_at': '2024-03-05', 'amount': '1,000'},
        {'_row_number': 4, 'order_id': 'o3', 'account_id': 'a1', 'ordered_at': '2024-03-05'},
        {'_row_number': 5, 'order_id': 'o4', 'account_id': '(none)', 'ordered_at': '2024-03-05', 'amount': '1'},
    ],
    'order_items': [
        {'_row_number': 2, 'order_id': 'o1', 'line_number': '2.0'},
        {'_row_number': 3, 'order_id': 'o1', 'line_number': '1.5'},
    ],
    'subscriptions': [
        {'_row_number': 2, 'subscription_id': 's1', 'account_id': 'a1', 'started_on': '2024-01-02', 'ended_on': '2024-01-02'},
        {'_row_number': 3, 'subscription_id': 's2', 'account_id': 'a1', 'started_on': '2024-01-02', 'ended_on': '2024-01-01'},
        {'_row_number': 4, 'subscription_id': 's3', 'account_id': 'a1', 'started_on': '2024-01-02', 'ended_on': '2024-06-31'},
    ],
    'costs': [
        {'_row_number': 2, 'cost_id': 'k1', 'incurred_on': '2024-01-02', 'purpose': 'Retention', 'amount': '1'},
        {'_row_number': 3, 'cost_id': 'k2', 'incurred_on': '2024-01-02', 'purpose': 'misc', 'amount': '1'},
    ],
    'tickets': [
        {'_row_number': 2, 'ticket_id': 't1', 'created_at': '2024-01-02 08:00:00', 'resolved_at': '2024-01-02 07:59:59'},
        {'_row_number': 3, 'ticket_id': 't2', 'created_at': '2024-01-02 08:00:00', 'resolved_at': '2024-06-31 10:00:00'},
        {'_row_number': 4, 'ticket_id': 't3', 'created_at': '2024-01-02 08:00:00', 'resolved_at': ' ', 'first_responded_at': '2024-01-02 07:59:59'},
    ],
    'survey_responses': [
        {'_row_number': 2, 'response_id': 'r1', 'survey_type': 'nps', 'responded_at': '2024-01-02', 'score': '4', 'scale_min': '1', 'scale_max': '5'},
        {'_row_number': 3, 'response_id': 'r2', 'survey_type': 'NPS', 'responded_at': '2024-01-02', 'score': '0'},
        {'_row_number': 4, 'response_id': 'r3', 'survey_type': 'nps', 'responded_at': '2024-01-02', 'score': '0', 'scale_min': '1', 'scale_max': '10'},
        {'_row_number': 5, 'response_id': 'r4', 'survey_type': 'nps', 'responded_at': '2024-01-02', 'score': '11'},
        {'_row_number': 6, 'response_id': 'r5', 'survey_type': 'csat', 'responded_at': '2024-01-02', 'score': '5', 'scale_min': '5', 'scale_max': '5'},
        {'_row_number': 7, 'response_id': 'r6', 'survey_type': 'csat', 'responded_at': '2024-01-02', 'score': '5', 'scale_min': '5'},
        {'_row_number': 8, 'response_id': 'r7', 'survey_type': 'csat', 'responded_at': '2024-01-02', 'score': '5'},
        {'_row_number': 9, 'response_id': 'r8', 'survey_type': 'csat', 'responded_at': '2024-01-02', 'score': '5.5'},
        {'_row_number': 10, 'response_id': 'r9', 'survey_type': 'csat', 'responded_at': '2024-01-02', 'score': '10', 'scale_max': '10'},
        {'_row_number': 11, 'response_id': 'r10', 'survey_type': 'ces', 'responded_at': '2024-01-02', 'score': '7'},
        {'_row_number': 12, 'response_id': 'r11', 'survey_type': 'ces', 'responded_at': '2024-01-02', 'score': '0'},
        {'_row_number': 13, 'response_id': 'r12', 'survey_type': 'employee', 'responded_at': '2024-01-02', 'score': '6'},
    ],
    'activities': [
        {'_row_number': 2, 'activity_id': 'x1', 'activity_type': 'call', 'occurred_at': '2024-01-02', 'direction': 'sideways', 'is_automated': 'maybe'},
        {'_row_number': 3, 'activity_id': 'x2', 'activity_type': 'call', 'occurred_at': '2024-01-02', 'direction': ' INBOUND ', 'is_automated': 'YES'},
        {'_row_number': 4, 'activity_id': 'x3', 'activity_type': ' ', 'occurred_at': '2024-01-02'},
    ],
    'exchange_rates': [
        {'_row_number': 2, 'currency': 'USD', 'valid_from': '2024-01-01', 'rate': '0'},
        {'_row_number': 3, 'currency': 'USD', 'valid_from': '2024-01-02', 'rate': '0.00000001'},
        {'_row_number': 4, 'currency': 'USD', 'valid_from': '2024-01-03', 'rate': '-0.9'},
    ],
} %}

{% set rejected = [
    ('accounts', 2, '(none)', 'account_id', 'missing_value', none),
    ('accounts', 6, '(none)', 'account_id', 'reserved_value', none),
    ('accounts', 7, '(unknown)', 'account_id', 'reserved_value', none),
    ('orders', 5, 'o4', 'account_id', 'reserved_value', none),
    ('deals', 21, 'd10', 'owner_id', 'reserved_value', none),
    ('campaign_days', 2, 'c1|1969-12-31', 'day', 'invalid_value', none),
    ('campaign_days', 5, 'c1|2100-01-01', 'day', 'invalid_value', none),
    ('campaign_days', 7, 'c1|2023-02-29', 'day', 'invalid_value', none),
    ('campaign_days', 8, 'c1|soon', 'day', 'invalid_value', none),
    ('campaign_days', 9, '(none)|(none)', 'campaign_id', 'missing_value', none),
    ('email_events', 3, 'e2', 'event_type', 'not_accepted', none),
    ('web_sessions', 2, 's1', 'started_at', 'invalid_value', none),
    ('web_sessions', 4, 's3', 'started_at', 'invalid_value', none),
    ('leads', 4, 'l3', 'converted_at', 'invalid_value', none),
    ('deals', 3, 'd2', 'status', 'not_accepted', none),
    ('deals', 4, 'd3', none, 'closed_at_missing', none),
    ('deals', 5, 'd4', none, 'closed_at_missing', none),
    ('deals', 8, 'd7', 'status', 'missing_value', none),
    ('deals', 9, 'd8', 'created_at', 'invalid_value', none),
    ('deals', 13, 'by_updated_at', none, 'duplicate_key', none),
    ('deals', 14, 'by_updated_at', none, 'duplicate_key', none),
    ('deals', 15, 'same_updated_at', none, 'duplicate_key', none),
    ('deals', 18, 'updated_once', none, 'duplicate_key', none),
    ('deals', 20, 'later_is_invalid', 'status', 'not_accepted', none),
    ('deals', 23, 'latest_is_invalid', none, 'duplicate_key', none),
    ('deals', 24, 'latest_is_invalid', 'status', 'not_accepted', none),
    ('deal_stages', 2, 'd1|2024-03-05T14:07:00+02:00', none, 'duplicate_key', none),
    ('deal_stages', 5, 'd3|2024-03-05', none, 'duplicate_key', none),
    ('deal_stages', 7, 'd3|2024-03-06', none, 'duplicate_key', none),
    ('products', 2, 'p1', none, 'duplicate_key', '{"product_id":"p1","name":"a \\"first\\"","category":null,"unit_cost":" 1 ","currency":null}'),
    ('products', 3, 'p1', none, 'duplicate_key', '{"product_id":"p1","name":"second","category":null,"unit_cost":null,"currency":null}'),
    ('orders', 3, 'o2', 'amount', 'invalid_value', none),
    ('orders', 4, 'o3', 'amount', 'missing_value', none),
    ('order_items', 3, 'o1|1.5', 'line_number', 'invalid_value', none),
    ('subscriptions', 3, 's2', none, 'ended_before_started', none),
    ('subscriptions', 4, 's3', 'ended_on', 'invalid_value', none),
    ('costs', 3, 'k2', 'purpose', 'not_accepted', none),
    ('tickets', 3, 't2', 'resolved_at', 'invalid_value', none),
    ('survey_responses', 2, 'r1', none, 'nps_scale_not_to_10', none),
    ('survey_responses', 4, 'r3', none, 'score_outside_scale', none),
    ('survey_responses', 5, 'r4', none, 'score_outside_scale', none),
    ('survey_responses', 6, 'r5', none, 'scale_empty', none),
    ('survey_responses', 7, 'r6', none, 'scale_empty', none),
    ('survey_responses', 9, 'r8', none, 'score_outside_scale', none),
    ('survey_responses', 12, 'r11', none, 'score_outside_scale', none),
    ('survey_responses', 13, 'r12', none, 'score_outside_scale', none),
    ('activities', 4, 'x3', 'activity_type', 'missing_value', none),
    ('exchange_rates', 2, 'USD|2024-01-01', none, 'rate_not_positive', none),
    ('exchange_rates', 4, 'USD|2024-01-03', none, 'rate_not_positive', none),
] %}

{% set values = [
    ('accounts', 3, 'a1', 'employee_count', 'invalid_value', '12.5'),
    ('accounts', 3, 'a1', 'annual_revenue', 'invalid_value', '1,000'),
    ('accounts', 3, 'a1', 'created_at', 'invalid_value', '1969-12-31'),
    ('users', 2, 'u1', 'left_on', 'left_before_hired', '2024-01-01'),
    ('campaigns', 2, 'c1', 'ended_on', 'ended_before_started', '2024-01-01'),
    ('leads', 2, 'l1', 'converted_at', 'converted_before_created', '2023-12-31 08:00:00'),
    ('leads', 2, 'l1', 'score', 'invalid_value', 'high'),
    ('leads', 5, 'l4', 'qualified_at', 'qualified_before_created', '2023-12-31 08:00:00'),
    ('leads', 5, 'l4', 'first_touch_at', 'touched_after_created', '2024-01-04 08:00:00'),
    ('leads', 6, 'l5', 'disqualified_at', 'disqualified_before_created', '2023-12-31 08:00:00'),
    ('deals', 6, 'd5', 'closed_at', 'invalid_value', 'soon'),
    ('deals', 6, 'd5', 'amount', 'invalid_value', 'ten'),
    ('deals', 7, 'd6', 'created_at', 'created_after_closed', '2024-01-02 08:00:00'),
    ('deals', 10, 'd9', 'closed_at', 'closed_although_open', '2024-02-01'),
    ('deal_stages', 4, 'd2|2024-03-05 12:07:00', 'exited_at', 'exited_before_entered', '2024-03-05 12:06:59'),
    ('products', 4, 'p1', 'unit_cost', 'invalid_value', '-'),
    ('tickets', 2, 't1', 'resolved_at', 'resolved_before_created', '2024-01-02 07:59:59'),
    ('tickets', 4, 't3', 'first_responded_at', 'responded_before_created', '2024-01-02 07:59:59'),
    ('activities', 2, 'x1', 'direction', 'not_accepted', 'sideways'),
    ('activities', 2, 'x1', 'is_automated', 'invalid_value', 'maybe'),
] %}

with

{% for table in rows %}
{% set columns = raw_table(table).columns if execute else [] %}
{{ table }}_values (_row_number{% for column in columns %}, {{ column }}{% endfor %}) as (
    values
    {% for row in rows[table] %}
    (
        {{ row['_row_number'] }}
        {%- for column in columns %}, {{ dbt.string_literal(dbt.escape_single_quotes(row[column])) if column in row else 'null' }}{% endfor %}
    ){{ ',' if not loop.last }}
    {% endfor %}
),

{{ table }}_by_hand as {{ computed_once() }} (
    select
        {% for column in columns %}
        cast({{ column }} as {{ dbt.type_string() }}) as {{ column }},
        {% endfor %}
        _row_number
    from {{ table }}_values
),
{% endfor %}

{% for table in rows %}
{{ table }}_rejected as (
    {{ rejected_rows_of(table) | replace(source('raw', table) | string, table ~ '_by_hand') }}
),
{% endfor %}

rejected_rows as (
    {% for table in rows %}
    select * from {{ table }}_rejected
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

rejected_values as (
    {% set queries = [] %}
    {% for table in rows if table in values | map('first') | list %}
    {% set query = rejected_values_of(table, table ~ '_rejected') | replace(source('raw', table) | string, table ~ '_by_hand') | trim %}
    {% do queries.append('(' ~ query ~ ')') if query %}
    {% endfor %}
    {{ queries | join(' union all ') }}
),

findings as (
    select
        raw_table,
        row_number,
        row_key,
        column_name,
        reason,
        case when raw_table = 'products' then raw_row end as raw_value
    from rejected_rows
    union all
    select
        raw_table,
        row_number,
        row_key,
        column_name,
        reason,
        raw_value
    from rejected_values
),

expected (raw_table, row_number, row_key, column_name, reason, raw_value) as (
    values
    {% for table, line, key, column, reason, value in rejected + values %}
    (
        '{{ table }}', {{ line }}, '{{ key }}', {{ "'" ~ column ~ "'" if column else 'null' }}, '{{ reason }}',
        {{ dbt.string_literal(dbt.escape_single_quotes(value)) if value else 'null' }}
    ){{ ',' if not loop.last }}
    {% endfor %}
),

compared as (
    select *, 1 as times_found, 0 as times_expected from findings
    union all
    select *, 0 as times_found, 1 as times_expected from expected
)

select
    raw_table,
    row_number,
    row_key,
    column_name,
    reason,
    raw_value,
    sum(times_found) as times_found,
    sum(times_expected) as times_expected
from compared
group by raw_table, row_number, row_key, column_name, reason, raw_value
having sum(times_found) <> sum(times_expected)
