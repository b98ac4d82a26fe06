{#
    What counts as an event. Planned dates do not (expected_close_on, due_at, a campaign's or a subscription's end), nor do the dates of
    master data that are entered ahead (hired_on, left_on, a campaign's start, an exchange rate).
#}
{% set events = [
    ('accounts', ['created_at', 'updated_at']),
    ('contacts', ['created_at', 'updated_at']),
    ('campaign_days', ['day']),
    ('email_events', ['occurred_at']),
    ('web_sessions', ['started_at']),
    ('leads', ['first_touch_at', 'created_at', 'qualified_at', 'converted_at', 'disqualified_at', 'updated_at']),
    ('deals', ['created_at', 'closed_at', 'first_paid_at', 'updated_at']),
    ('deal_stages', ['entered_at', 'exited_at']),
    ('orders', ['ordered_at', 'paid_at']),
    ('subscriptions', ['started_on']),
    ('costs', ['incurred_on']),
    ('tickets', ['created_at', 'first_responded_at', 'resolved_at', 'updated_at']),
    ('ticket_events', ['occurred_at']),
    ('survey_responses', ['responded_at']),
    ('activities', ['occurred_at', 'completed_at']),
] %}

with

-- Few days hold many rows: count by day first, and keep the first row of each day, so that the run can name the one that as_of came from.
event_days as (
    {% for table, columns in events %}
    {% set table_loop = loop %}
    {% for column in columns %}
    {% set day = local_date(column) if column.endswith('_at') else column %}
    select
        '{{ table }}' as raw_table,
        '{{ column }}' as column_name,
        {{ day }} as day,
        min(_row_number) as row_number
    from {{ ref('stg_' ~ table) }}
    where {{ column }} is not null
    group by {{ day }}
    {{ 'union all' if not (loop.last and table_loop.last) }}
    {% endfor %}
    {% endfor %}
),

latest_event as (
    select
        day,
        raw_table,
        column_name,
        row_number,
        row_number() over (order by day desc, raw_table asc, column_name asc) as recency
    from event_days
),

chosen as (
    select
        coalesce({{ as_of_override() }}, day) as as_of,
        case
            when {{ as_of_override() }} is not null then 'the var as_of'
            else raw_table || '.' || column_name || ', row ' || cast(row_number as {{ dbt.type_string() }})
        end as as_of_source
    from latest_event
    where recency = 1
)

select
    min(event_days.day) as first_day,
    chosen.as_of,
    chosen.as_of_source
from chosen
inner join event_days on chosen.as_of >= event_days.day
group by chosen.as_of, chosen.as_of_source
