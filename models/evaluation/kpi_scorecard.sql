with

period_comparisons as (
    select * from {{ ref('period_comparisons') }}
    where comparison <> 'evaluation' and segment is not null
),

target_periods as (
    select * from {{ ref('target_periods') }}
),

benchmarks as (
    select
        *,
        kpi_value - difference as nearer_end
    from {{ ref('kpi_benchmarks') }}
    where kpi_value is not null
),

-- Of each target the last complete period of each grain.
latest_targets as (
    select
        *,
        row_number() over (partition by target_id, period_grain order by period_end desc) as recency
    from target_periods
    where is_complete and kpi_value is not null
)

select
    kpi_id,
    segment_by,
    segment,
    current_grain as period_grain,
    comparison,
    current_period as period_name,
    current_start as period_start,
    current_end as period_end,
    current_value as kpi_value,
    current_interval_low as interval_low,
    current_interval_high as interval_high,
    current_sample_size as sample_size,
    baseline_period as compared_with,
    baseline_value as compared_value,
    baseline_interval_low as compared_interval_low,
    baseline_interval_high as compared_interval_high,
    baseline_sample_size as compared_sample_size,
    difference as absolute_change,
    relative_change,
    p_value,
    verdict,
    cast(null as {{ dbt.type_string() }}) as target_status,
    usual_change,
    earlier_comparisons,
    evidence_basis,
    p_value_records
from period_comparisons
union all
select
    kpi_id,
    segment_by,
    segment,
    period_grain,
    'target' as comparison,
    period_name,
    period_start,
    period_end,
    kpi_value,
    interval_low,
    interval_high,
    sample_size,
    target_name as compared_with,
    target_value as compared_value,
    cast(null as double) as compared_interval_low,
    cast(null as double) as compared_interval_high,
    cast(null as bigint) as compared_sample_size,
    gap as absolute_change,
    gap / nullif(abs(target_value), 0) as relative_change,
    cast(null as double) as p_value,
    cast(null as {{ dbt.type_string() }}) as verdict,
    status as target_status,
    cast(null as double) as usual_change,
    cast(null as bigint) as earlier_comparisons,
    cast(null as {{ dbt.type_string() }}) as evidence_basis,
    cast(null as double) as p_value_records
from latest_targets
where recency = 1
union all
select
    kpi_id,
    segment_by,
    segment,
    period_grain,
    'benchmark' as comparison,
    period_name,
    period_start,
    period_end,
    kpi_value,
    interval_low,
    interval_high,
    sample_size,
    source as compared_with,
    nearer_end as compared_value,
    benchmark_low as compared_interval_low,
    benchmark_high as compared_interval_high,
    cast(null as bigint) as compared_sample_size,
    difference as absolute_change,
    difference / nullif(abs(nearer_end), 0) as relative_change,
    cast(null as double) as p_value,
    cast(null as {{ dbt.type_string() }}) as verdict,
    cast(null as {{ dbt.type_string() }}) as target_status,
    cast(null as double) as usual_change,
    cast(null as bigint) as earlier_comparisons,
    cast(null as {{ dbt.type_string() }}) as evidence_basis,
    cast(null as double) as p_value_records
from benchmarks
