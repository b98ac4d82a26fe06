-- In a German export 1.234 is a thousand and more; here it is a little more than one. It warns where ten values or more of a column have a
-- dot, and each of them three digits behind it: a few currencies have such.
{{ config(severity='warn', meta={
    'label': {
        'en': 'Amounts whose dots seem to stand between thousands: 1.234 is read as 1.234, not as 1,234',
        'de': 'Beträge, deren Punkte wohl Tausender trennen: 1.234 wird als 1,234 gelesen',
    },
    'shows': "raw_table || '.' || column_name || ', ' || value_count || ' values, such as ' || one_value || ': if so, write into raw_formats.csv'"
        " || ' for ' || raw_table || ' the decimal_mark comma'",
}) }}

{% set amounts = [
    ('accounts', 'annual_revenue'),
    ('campaign_days', 'cost'),
    ('campaigns', 'budget'),
    ('costs', 'amount'),
    ('deals', 'amount'),
    ('order_items', 'amount'),
    ('orders', 'amount'),
    ('products', 'unit_cost'),
    ('subscriptions', 'monthly_amount'),
] %}

with

texts as (
    {% for table, column in amounts %}
    select
        '{{ table }}' as raw_table,
        '{{ column }}' as column_name,
        {{ by_type(column, to_text(column), 'null') }} as written
    from {{ source('raw', table) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

with_dots as (
    select
        raw_table,
        column_name,
        written,
        {{ matches('written', '-?[1-9][0-9]{0,2}[.][0-9]{3}') }} as is_like_thousands
    from texts
    where written like '%.%'
)

select
    raw_table,
    column_name,
    count(*) as value_count,
    min(written) as one_value
from with_dots
group by raw_table, column_name
having count(*) >= 10 and count(*) = count(case when is_like_thousands then 1 end)
