-- Exports often write a day as its midnight, 2024-03-05 00:00:00. That is a time in UTC, and west of Greenwich the evening before: all rows
-- would be a day early. It warns where twenty values or more of a column are all such midnights, since they may be moments all the same.
{{ config(severity='warn', meta={
    'label': {
        'en': 'Times that are all midnight in UTC, the evening before in the reporting time zone',
        'de': 'Zeiten, die alle Mitternacht in UTC sind, in der Zeitzone des Berichts der Abend davor',
    },
    'shows': "raw_table || '.' || column_name || ', ' || value_count || ' values: if they are days, export them as days (2024-03-05), or name"
        " their time_zone in raw_formats.csv'",
}) }}

{% for table in raw_tables() %}{% do ref('stg_' ~ table) %}{% endfor %}
{% set columns = {} %}
{% if execute and is_west_of_greenwich(setting('reporting_time_zone')) %}
    {% for table in raw_tables() %}
        {% set times = raw_table(table).columns.values() | selectattr('data_type', 'eq', 'timestamp') | map(attribute='name') | list %}
        {% if times %}{% do columns.update({table: times}) %}{% endif %}
    {% endfor %}
{% endif %}

with

{% for table, times in columns.items() %}
times_of_{{ table }} as (
    select
        {% for column in times %}
        count({{ column }}) as {{ column }}_values,
        count(case when {{ column }} <> date_trunc('day', {{ column }}) then 1 end) as {{ column }}_times{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('stg_' ~ table) }}
),
{% endfor %}

counts as (
    {% for table, times in columns.items() %}
    {% set is_last_table = loop.last %}
    {% for column in times %}
    select
        '{{ table }}' as raw_table,
        '{{ column }}' as column_name,
        {{ column }}_values as value_count,
        {{ column }}_times as time_count
    from times_of_{{ table }}
    {{ 'union all' if not (loop.last and is_last_table) }}
    {% endfor %}
    {% else %}
    select
        'none' as raw_table,
        'none' as column_name,
        0 as value_count,
        0 as time_count
    {% endfor %}
)

select
    raw_table,
    column_name,
    value_count
from counts
where value_count >= 20 and time_count = 0
