-- All tests of an empty mart pass: where a raw table has rows, the KPI that counts them has values.
{% set counted_by = [
    ('deals', 'deals_created'),
    ('leads', 'leads_created'),
    ('tickets', 'tickets_created'),
    ('subscriptions', 'retention_rate'),
] %}

with

row_counts as (
    select * from {{ ref('raw_row_counts') }}
),

valued as (
    select
        kpi_id,
        count(*) as kpi_rows
    from {{ ref('kpi_values') }}
    group by kpi_id
),

expected (raw_table, kpi_id) as (
    values
    {% for table, kpi_id in counted_by %}
    ('{{ table }}', '{{ kpi_id }}'){{ ',' if not loop.last }}
    {% endfor %}
)

select
    expected.raw_table,
    expected.kpi_id,
    row_counts.rows_staged
from expected
inner join row_counts on expected.raw_table = row_counts.raw_table
left join valued on expected.kpi_id = valued.kpi_id
where row_counts.rows_staged > 0 and valued.kpi_rows is null
