with

month_forecasts as (
    select * from {{ ref('int_month_forecasts') }}
),

ranges as (
    select * from {{ ref('int_forecast_ranges') }}
),

periods as (
    select * from {{ ref('periods') }}
),

-- Months that are over, with the range that the errors up to the day of the forecast gave.
judged_forecasts as (
    select
        month_forecasts.*,
        -- greatest() takes NULL for nothing.
        case
            when ranges.low_error is not null
                then greatest(
                    cast(month_forecasts.forecast_revenue as double)
                    + ranges.low_error * sqrt(cast(month_forecasts.forecast_revenue as double)),
                    0.0
                )
        end as forecast_low,
        cast(month_forecasts.forecast_revenue as double)
        + ranges.high_error * sqrt(cast(month_forecasts.forecast_revenue as double)) as forecast_high
    from month_forecasts
    inner join periods
        on month_forecasts.month_start = periods.period_start and periods.period_grain = 'month' and periods.is_complete
    left join ranges
        on
            month_forecasts.forecast_on = ranges.forecast_on
            and month_forecasts.segment_by = ranges.segment_by
            and month_forecasts.months_ahead = ranges.months_ahead
    where not month_forecasts.is_current and month_forecasts.forecast_revenue > 0
)

select
    -- ids
    forecast_on,
    month_start,
    segment_by,
    segment,

    -- amounts
    cast(forecast_revenue as double) as forecast_revenue,
    cast(won_revenue as double) as won_revenue,
    forecast_low,
    forecast_high,

    -- numerics
    months_ahead,

    -- booleans
    case
        when forecast_low is not null then cast(won_revenue as double) >= forecast_low and cast(won_revenue as double) <= forecast_high
    end as is_within_range
from judged_forecasts
