{# What the contract's checks turn to NULL, table by table: a table without optional checks renders nothing. #}
{% set checked = [] %}
{% for table in raw_tables() %}
    {% set query = rejected_values_of(table, ref('rejected_rows')) | trim %}
    {% do checked.append(query) if query %}
{% endfor %}

{# Money: table, the column, the day whose rate counts. #}
{% set amounts = [
    ('campaigns', 'budget', "coalesce(started_on, cast('2099-12-31' as date))"),
    ('campaign_days', 'cost', 'day'),
    ('deals', 'amount', local_date('coalesce(closed_at, created_at)')),
    ('orders', 'amount', local_date('ordered_at')),
    ('subscriptions', 'monthly_amount', 'started_on'),
    ('costs', 'amount', 'incurred_on'),
    ('products', 'unit_cost', '(select reporting_window.as_of from reporting_window)'),
] %}

with

rates as (
    select * from {{ ref('dim_exchange_rates') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

against_the_contract as (
    {% for query in checked %}
    (
        {{ query }}
    )
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

foreign_amounts as (
    {% for table, column, day in amounts %}
    select
        '{{ table }}' as raw_table,
        _row_number as row_number,
        '{{ column }}' as column_name,
        {{ column }} as amount,
        currency,
        {{ day }} as day,
        {{ row_key(raw_table(table)) if execute }} as row_key
    from {{ ref('stg_' ~ table) }}
    where {{ column }} is not null and currency is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

without_a_rate as (
    select
        foreign_amounts.raw_table,
        foreign_amounts.row_number,
        foreign_amounts.row_key,
        foreign_amounts.column_name,
        'no_exchange_rate' as reason,
        cast(foreign_amounts.amount as {{ dbt.type_string() }}) || ' ' || foreign_amounts.currency as raw_value
    from foreign_amounts
    left join rates
        on
            foreign_amounts.currency = rates.currency
            and foreign_amounts.day >= rates.valid_from
            and foreign_amounts.day < rates.valid_until
    where rates.currency is null
)

select raw_table, row_number, row_key, column_name, reason, raw_value from against_the_contract
union all
select raw_table, row_number, row_key, column_name, reason, raw_value from without_a_rate
