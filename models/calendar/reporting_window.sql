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

{% set today = today_override() %}
{% set day_number %}{{ days_between("cast('1970-01-01' as date)", 'DAY') }}{% endset %}

with

-- The first and the last day of each column in one pass over each table; and the first row of the last day, so that the run can name
-- the row that as_of came from. Days and rows are one number, of which the later day and on it the lower row is the larger. Events after
-- today are counted apart: a mistyped year must not move as_of.
{% for table, columns in events %}
{{ table }} as (
    select
        {% for column in columns %}
        {% set day = local_date(column) if column.endswith('_at') else column %}
        {% set rank = day_number | replace('DAY', day) ~ ' * 100000000000 - _row_number' %}
        min({{ day }}) as first_{{ column }},
        max(case when {{ day }} <= {{ today }} then {{ day }} end) as last_{{ column }},
        max(case when {{ day }} <= {{ today }} then {{ rank }} end) as row_{{ column }},
        count(case when {{ day }} > {{ today }} then 1 end) as later_{{ column }},
        max(case when {{ day }} > {{ today }} then {{ day }} end) as latest_{{ column }},
        max(case when {{ day }} > {{ today }} then {{ rank }} end) as later_row_{{ column }},
        {% endfor %}
        count(*) as rows_read
    from {{ ref('stg_' ~ table) }}
),
{% endfor %}

event_columns as (
    {% for table, columns in events %}
    {% set table_loop = loop %}
    {% for column in columns %}
    select
        '{{ table }}' as raw_table,
        '{{ column }}' as column_name,
        first_{{ column }} as first_day,
        last_{{ column }} as last_day,
        {{ day_number | replace('DAY', 'last_' ~ column) }} * 100000000000 - row_{{ column }} as row_number,
        later_{{ column }} as events_later,
        latest_{{ column }} as latest_day,
        {{ day_number | replace('DAY', 'latest_' ~ column) }} * 100000000000 - later_row_{{ column }} as later_row_number
    from {{ table }}
    {{ 'union all' if not (loop.last and table_loop.last) }}
    {% endfor %}
    {% endfor %}
),

latest_event as (
    select
        last_day,
        raw_table,
        column_name,
        row_number,
        row_number() over (order by last_day desc nulls last, raw_table asc, column_name asc) as recency
    from event_columns
),

left_out as (
    select
        events_later,
        raw_table || '.' || column_name || ', row ' || cast(later_row_number as {{ dbt.type_string() }})
        || ': ' || cast(latest_day as {{ dbt.type_string() }}) as latest_left_out,
        row_number() over (order by latest_day desc nulls last, raw_table asc, column_name asc) as recency,
        sum(events_later) over () as events_left_out
    from event_columns
),

day_chosen as (
    select
        coalesce({{ as_of_override() }}, last_day) as as_of,
        case
            when {{ as_of_override() }} is not null then 'the setting as_of'
            else raw_table || '.' || column_name || ', row ' || cast(row_number as {{ dbt.type_string() }})
        end as as_of_source
    from latest_event
    where recency = 1
)

select
    min(event_columns.first_day) as first_day,
    day_chosen.as_of,
    day_chosen.as_of_source,
    case when {{ as_of_override() }} is null then cast(left_out.events_left_out as bigint) else 0 end as events_left_out,
    case when {{ as_of_override() }} is null then left_out.latest_left_out end as latest_left_out
from day_chosen
inner join event_columns on day_chosen.as_of >= event_columns.first_day
inner join left_out on left_out.recency = 1
group by day_chosen.as_of, day_chosen.as_of_source, left_out.events_left_out, left_out.latest_left_out
