-- All tests of an empty mart pass: where a raw table has rows, the KPI that counts them has values. Of a table whose rows all came after
-- as_of it has none; but if no KPI has any, as_of is before everything that happened, by mistake.
{% set counted_by = [
    ('deals', 'fct_deals', 'created_on', 'deals_created'),
    ('leads', 'fct_leads', 'created_on', 'leads_created'),
    ('tickets', 'fct_tickets', 'created_on', 'tickets_created'),
    ('subscriptions', 'fct_subscriptions', 'started_on', 'retention_rate'),
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

valued_kpis as (
    select count(*) as kpi_count from valued
),

expected as (
    {% for table, fact, day, kpi_id in counted_by %}
    select
        '{{ table }}' as raw_table,
        '{{ kpi_id }}' as kpi_id,
        count({{ day }}) as fact_rows
    from {{ ref(fact) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    expected.raw_table,
    expected.kpi_id,
    row_counts.rows_staged,
    expected.fact_rows
from expected
inner join row_counts on expected.raw_table = row_counts.raw_table
cross join valued_kpis
left join valued on expected.kpi_id = valued.kpi_id
where
    valued.kpi_rows is null
    and (expected.fact_rows > 0 or (row_counts.rows_staged > 0 and valued_kpis.kpi_count = 0))
