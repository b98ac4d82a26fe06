-- A customer who was there at the start is there at the end or is not.
with

rates as (
    select
        period_grain,
        period_name,
        segment_by,
        segment,
        max(kpi_value) filter (where kpi_id = 'churn_rate') as churn_rate,
        max(kpi_value) filter (where kpi_id = 'retention_rate') as retention_rate
    from {{ ref('kpi_values') }}
    where kpi_id in ('churn_rate', 'retention_rate')
    group by period_grain, period_name, segment_by, segment
)

select *
from rates
where
    (churn_rate is null) <> (retention_rate is null)
    or abs(churn_rate + retention_rate - 1) > 1e-12
