{# What the contract's checks turn to NULL, table by table (a table without optional checks renders nothing), then money without a rate. #}
{% set queries = [] %}
{% for table in raw_tables() %}
    {% set query = rejected_values_of(table, ref('rejected_rows')) | trim %}
    {% do queries.append(query) if query %}
{% endfor %}

with

amounts as (
    select * from {{ ref('int_amounts') }}
),

of_the_contract as (
    {% for query in queries %}
    (
        {{ query }}
    )
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

without_a_rate as (
    select
        raw_table,
        row_number,
        row_key,
        column_name,
        'no_exchange_rate' as reason,
        amount || ' ' || currency as raw_value
    from amounts
)

select * from of_the_contract
