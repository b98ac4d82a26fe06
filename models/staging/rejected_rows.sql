{% for table in raw_tables() %}
    (
        {{ rejected_rows_of(table) }}
    )
    {{ 'union all' if not loop.last }}
{% endfor %}
