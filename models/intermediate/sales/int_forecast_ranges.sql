{#
    How far forecasts were off before: the tenth and the ninetieth of a hundred errors, in units of the square root of the forecast, since
    the errors of sums grow like it. A forecast of a day is judged by those whose months were over on that day. What is three months
    ahead or more is judged by the third month, the last that past forecasts have.
#}
with

month_forecasts as (
    select * from {{ ref('int_month_forecasts') }}
),

forecast_days as (
    select distinct forecast_on
    from month_forecasts
),

errors as (
    select
        forecast_days.forecast_on,
        month_forecasts.segment_by,
        month_forecasts.months_ahead,
        (cast(month_forecasts.won_revenue as double) - cast(month_forecasts.forecast_revenue as double))
        / sqrt(cast(month_forecasts.forecast_revenue as double)) as error
    from forecast_days
    inner join month_forecasts
        on last_day(month_forecasts.month_start) <= forecast_days.forecast_on
    where not month_forecasts.is_current and month_forecasts.forecast_revenue > 0
),

errors_ranked as (
    select
        *,
        row_number() over (partition by forecast_on, segment_by, months_ahead order by error) as place,
        count(*) over (partition by forecast_on, segment_by, months_ahead) as errors
    from errors
)

select
    forecast_on,
    segment_by,
    months_ahead,
    errors,
    max(case when place <= 0.1 * (errors + 1) then error end) as low_error,
    min(case when place >= 0.9 * (errors + 1) then error end) as high_error
from errors_ranked
-- Of nine errors the smallest and the largest are the tenth parts.
where errors >= 9
group by forecast_on, segment_by, months_ahead, errors
