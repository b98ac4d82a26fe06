{#
    One count of values per column of the contract and day, in one pass over each table and date; and one per accepted value, named column=value.
    A row without a required value is in no staging table. A table without rows has no day: a count of 0 without a day keeps its columns.
#}
{% for table in raw_tables() %}{% do ref('stg_' ~ table) %}{% endfor %}
{% set parts = [] %}
{% if execute %}
{% for table in raw_tables() %}
    {% set columns = raw_table(table).columns %}
    {% set value_checks = raw_table(table).config.meta.get('value_checks', {}) %}
    {% set row_date = raw_table(table).config.meta.dated_by %}
    {% set dates = {} %}
    {% for column in columns.values() %}
        {% set date = column.config.meta.dated_by or row_date or 'cast(null as date)' %}
        {% do dates.setdefault(date, []).append([
            column.name, 'count(' ~ ('*' if column.config.meta.required and column.name not in value_checks else column.name) ~ ')'
        ]) %}
        {% for value in column.config.meta.get('values') or [] %}
            {% do dates[date].append([column.name ~ '=' ~ value, 'count(*) filter (where ' ~ column.name ~ " = '" ~ value ~ "')"]) %}
        {% endfor %}
    {% endfor %}
    {% for date, counts in dates.items() %}
        {% set is_day = date == 'cast(null as date)' or (date in columns and columns[date].data_type == 'date') %}
        {% do parts.append({
            'name': table ~ '_' ~ loop.index,
            'table': table,
            'day': date if is_day else local_date(date),
            'counts': counts,
            'is_booked_by_month': raw_table(table).config.meta.booked_by == 'month',
        }) %}
    {% endfor %}
{% endfor %}
{% endif %}
with

{% for part in parts %}
{{ part.name }} as (
    select
        {% for name, count in part.counts %}
        {{ count }} as {{ adapter.quote(name) }},
        {% endfor %}
        {{ part.day }} as event_on
    from {{ ref('stg_' ~ part.table) }}
    group by {{ part.day }}
    union all
    select
        {% for name, count in part.counts %}
        0 as {{ adapter.quote(name) }},
        {% endfor %}
        cast(null as date) as event_on
),
{% endfor %}

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

day_counts as (
    {% for part in parts %}
    select
        '{{ part.table }}' as raw_table,
        column_name,
        {{ 'true' if part.is_booked_by_month else 'false' }} as is_booked_by_month,
        rows_filled,
        event_on
    from {{ part.name }}
    unpivot include nulls (
        rows_filled for column_name in ({% for name, _ in part.counts %}{{ adapter.quote(name) }}{{ ', ' if not loop.last }}{% endfor %})
    )
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- The days up to as_of on which there is a value.
with_event_days as (
    select
        day_counts.*,
        case when day_counts.rows_filled > 0 and day_counts.event_on <= reporting_window.as_of then day_counts.event_on end as event_day,
        reporting_window.as_of
    from day_counts
    cross join reporting_window
),

with_silences as (
    select
        *,
        {{ days_between('lag(event_day) over (partition by raw_table, column_name order by event_day nulls first)', 'event_day') }} as silent_days
    from with_event_days
),

by_column as (
    select
        raw_table,
        column_name,
        is_booked_by_month,
        as_of,
        cast(sum(rows_filled) as bigint) as rows_filled,
        min(event_day) as first_day,
        max(event_day) as last_day,
        count(event_day) as day_count,
        max(silent_days) as longest_silence
    from with_silences
    group by raw_table, column_name, is_booked_by_month, as_of
)

-- What is booked by the month stands for all of its month.
select
    raw_table,
    split_part(column_name, '=', 1) as column_name,
    nullif(split_part(column_name, '=', 2), '') as accepted_value,
    is_booked_by_month,
    rows_filled,
    case when is_booked_by_month then cast(date_trunc('month', first_day) as date) else first_day end as first_day,
    case when is_booked_by_month then least(last_day(last_day), as_of) else last_day end as last_day,
    day_count,
    longest_silence
from by_column
