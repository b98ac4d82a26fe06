{#
    An absolute difference is no sum over rows: it is taken of each quarter that is over, and added up over the quarters of a longer period,
    of a fiscal year over its fiscal quarters.
#}
with

forecasts as (
    select
        forecast_on,
        count(forecast_amount) as forecast_deals,
        sum(forecast_amount) as forecast_revenue
    from {{ ref('fct_deal_forecasts') }}
    where not is_current
    group by forecast_on
),

revenue_won as (
    select
        period_id,
        value as won_revenue
    from {{ ref('measures_deals_closed') }}
    where segment_by = 'all' and measure = 'won_revenue'
),

periods as (
    select * from {{ ref('periods') }}
),

-- Where none of the deals could be forecast, there is no forecast that could be wrong.
quarters as (
    select
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        forecasts.forecast_deals,
        coalesce(revenue_won.won_revenue, 0) as won_revenue,
        abs(forecasts.forecast_revenue - coalesce(revenue_won.won_revenue, 0)) as forecast_error
    from periods
    inner join forecasts on {{ add_days('periods.period_start', -1) }} = forecasts.forecast_on
    left join revenue_won on periods.period_id = revenue_won.period_id
    where periods.period_grain in ('quarter', 'fiscal_quarter') and forecasts.forecast_deals > 0
),

by_period as (
    select
        periods.period_id,
        'all' as segment_by,
        'all' as segment,
        cast(sum(quarters.forecast_deals) as {{ measure_type() }}) as deals_forecast_before,
        cast(sum(quarters.won_revenue) as {{ measure_type() }}) as won_revenue_of_forecast_quarters,
        cast(sum(quarters.forecast_error) as {{ measure_type() }}) as forecast_error
    from periods
    inner join quarters
        on
            periods.period_start <= quarters.period_start
            and periods.period_end >= quarters.period_end
            and case when periods.period_grain like 'fiscal_%' then 'fiscal_quarter' else 'quarter' end = quarters.period_grain
    group by periods.period_id
)

{{ unpivot_measures('by_period', [
    {'name': 'deals_forecast_before'}, {'name': 'won_revenue_of_forecast_quarters'}, {'name': 'forecast_error'}
]) }}
