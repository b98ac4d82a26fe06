with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

kpi_values as (
    select * from {{ ref('kpi_values') }}
),

periods as (
    select * from {{ ref('periods') }}
),

-- The last complete year; before the first is over the last quarter, or month.
latest_periods as (
    select
        period_grain,
        period_name,
        cast({{ days_between('period_start', 'period_end') }} + 1 as double) as day_count,
        row_number() over (
            order by case period_grain when 'year' then 1 when 'quarter' then 2 else 3 end asc, period_end desc
        ) as place
    from periods
    where is_complete and period_grain in ('month', 'quarter', 'year')
),

testable as (
    select
        kpi_values.kpi_id,
        kpi_values.period_name,
        kpi_values.segment_by,
        kpi_values.segment,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.sample_size,
        kpi_values.kpi_value,
        kpi_values.interval_low,
        kpi_values.interval_high,
        kpi_values.standard_error,
        latest_periods.day_count,
        catalogue.good,
        catalogue.unit,
        catalogue.interval_method,
        {{ testing_method() }} as testing_method,
        catalogue.dated_by,
        catalogue.numerator as numerator_measure
    from kpi_values
    inner join latest_periods
        on kpi_values.period_grain = latest_periods.period_grain and kpi_values.period_name = latest_periods.period_name
    inner join catalogue on kpi_values.kpi_id = catalogue.kpi_id
    where
        latest_periods.place = 1
        and catalogue.interval_method <> 'none'
        and catalogue.records_alike_because is null
        and catalogue.good <> 'none'
        and catalogue.not_tested_because is null
        and kpi_values.is_comparable
),

-- What the total is without the segment: counts and sums are subtracted, and so are sums of squares, which follow from the standard error.
rests as (
    select
        segments.kpi_id,
        segments.period_name,
        segments.segment_by,
        segments.segment,
        segments.numerator as current_numerator,
        segments.denominator as current_denominator,
        segments.sample_size as current_sample_size,
        segments.kpi_value as current_value,
        segments.interval_low as current_interval_low,
        segments.interval_high as current_interval_high,
        segments.standard_error as current_standard_error,
        segments.day_count,
        segments.good,
        segments.unit,
        segments.interval_method,
        segments.testing_method,
        segments.dated_by,
        segments.numerator_measure,
        totals.kpi_value as total_value,
        totals.sample_size as total_sample_size,
        totals.numerator - segments.numerator as baseline_numerator,
        totals.denominator - segments.denominator as baseline_denominator,
        totals.sample_size - segments.sample_size as baseline_sample_size,
        (totals.numerator - segments.numerator) / nullif(totals.denominator - segments.denominator, 0) as baseline_value,
        {{ squares_of_mean('totals') }} - {{ squares_of_mean('segments') }} as rest_squares
    from testable as segments
    inner join testable as totals on segments.kpi_id = totals.kpi_id
    where segments.segment_by <> 'all' and totals.segment_by = 'all'
),

compared as (
    select
        *,
        {{ wilson_low('baseline_numerator', 'baseline_denominator') }} as baseline_interval_low,
        {{ wilson_high('baseline_numerator', 'baseline_denominator') }} as baseline_interval_high,
        {{ mean_standard_error('baseline_numerator', 'rest_squares', 'baseline_denominator') }} as baseline_standard_error,
        1.0 as scale,
        true as may_be_claimed
    from rests
),

{{ test_differences('compared', 'with_tests') }},

tested as (
    select
        *,
        p_value_records as p_value
    from with_tests
),

-- The list is read as one, so all of its tests are judged together.
adjusted as (
    {{ adjust_p_values('tested', family=['period_name'], key=['kpi_id', 'segment_by', 'segment']) }}
),

judged as (
    select
        *,
        p_value_adjusted <= 0.05
        and (records_low > 0 or records_high < 0)
        and (good = 'up') <> (difference > 0) as is_worse
    from adjusted
),

-- By how much the total would improve, as a share of it; a Net Promoter Score, which may be near 0, as a share of 100.
weak as (
    select
        *,
        abs(difference) * current_sample_size / total_sample_size as points_of_total,
        abs(difference) * current_sample_size / total_sample_size
        / nullif(case when interval_method = 'nps' then 100.0 else abs(total_value) end, 0) as effect_on_total,
        abs(difference) * current_denominator * case when dated_by = 'end of period' then 1.0 else 365.0 / day_count end as units
    from judged
    where is_worse
)

select
    kpi_id,
    segment_by,
    segment,
    row_number() over (order by effect_on_total desc nulls last, p_value asc, kpi_id asc, segment_by asc, segment asc) as rank,
    period_name,
    current_value as segment_value,
    baseline_value as rest_value,
    difference,
    p_value,
    p_value_adjusted,
    current_sample_size as sample_size,
    case when unit = 'score' then points_of_total else units end as effect,
    case
        when unit = 'score' then 'points of the total'
        when unit = 'currency' then {{ dbt.string_literal(var('reporting_currency')) }}
        when unit in ('hours', 'days') then unit
        else replace(numerator_measure, '_', ' ')
    end as effect_unit,
    effect_on_total
from weak
