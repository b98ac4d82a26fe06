-- One row per benchmark of a KPI's total: a figure from elsewhere, or a range of them.
select
    kpi_id,
    source,
    benchmark_year,
    benchmark_low,
    benchmark_high
from marts.kpi_benchmarks
where segment_by = 'all'
order by kpi_id, source
