with

benchmarks as (
    select * from {{ source('settings', 'benchmarks') }}
),

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

kpi_values as (
    select * from {{ ref('kpi_values') }}
    where period_grain in ('month', 'quarter', 'year') and is_complete and kpi_value is not null
),

-- The last year that is over is what such figures are about; where it has no value, the last quarter or month.
ranked_values as (
    select
        *,
        row_number() over (
            partition by kpi_id, segment_by, segment
            order by case period_grain when 'year' then 1 when 'quarter' then 2 else 3 end, period_start desc
        ) as place
    from kpi_values
),

latest_values as (
    select * from ranked_values
    where place = 1
),

benchmarks_of_segments as (
    select
        kpi_id,
        coalesce(segment_by, 'all') as segment_by,
        coalesce(segment, 'all') as segment,
        value_low as benchmark_low,
        coalesce(value_high, value_low) as benchmark_high,
        source,
        year as benchmark_year
    from benchmarks
)

select
    -- ids
    benchmarks.kpi_id,
    benchmarks.segment_by,
    benchmarks.segment,
    benchmarks.source,

    -- segments
    case
        when latest_values.kpi_value < benchmarks.benchmark_low then 'below'
        when latest_values.kpi_value > benchmarks.benchmark_high then 'above'
        when latest_values.kpi_value is not null then 'within'
        else '(none)'
    end as position,
    case
        when latest_values.kpi_value is null or catalogue.good = 'none' then '(none)'
        when latest_values.kpi_value between benchmarks.benchmark_low and benchmarks.benchmark_high then 'alike'
        when (latest_values.kpi_value > benchmarks.benchmark_high) = (catalogue.good = 'up') then 'better'
        else 'worse'
    end as standing,
    latest_values.period_grain,
    latest_values.period_name,

    -- numerics
    benchmarks.benchmark_low,
    benchmarks.benchmark_high,
    cast(benchmarks.benchmark_year as bigint) as benchmark_year,
    latest_values.kpi_value,
    latest_values.interval_low,
    latest_values.interval_high,
    latest_values.sample_size,
    latest_values.kpi_value - case
        when latest_values.kpi_value < benchmarks.benchmark_low then benchmarks.benchmark_low
        when latest_values.kpi_value > benchmarks.benchmark_high then benchmarks.benchmark_high
        else latest_values.kpi_value
    end as difference,

    -- dates
    latest_values.period_start,
    latest_values.period_end
from benchmarks_of_segments as benchmarks
inner join catalogue on benchmarks.kpi_id = catalogue.kpi_id
left join latest_values
    on
        benchmarks.kpi_id = latest_values.kpi_id
        and benchmarks.segment_by = latest_values.segment_by
        and benchmarks.segment = latest_values.segment
