{#
    What was forecast for each month, and what was won in it: at the end of each quarter for the three months of the next one, and at
    as_of for the twelve months ahead. The forecast of a deal is that of fct_deal_forecasts. Steps:
    deal_months   open deals by the month in which they are expected to close, for each member of a dimension
    won_months    deals won by the month of their close
#}
{% set dimensions = {'all': "'all'", 'owner': 'owner_id', 'team': 'team', 'pipeline': 'pipeline'} %}

with

forecasts as (
    select * from {{ ref('fct_deal_forecasts') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

open_deals as (
    select
        forecasts.forecast_on,
        forecasts.is_current,
        cast(date_trunc('month', forecasts.expected_close_on) as date) as month_start,
        cast(date_trunc('month', {{ add_days('forecasts.forecast_on', 1) }}) as date) as first_month,
        forecasts.owner_id,
        deals.team,
        forecasts.pipeline,
        forecasts.amount,
        forecasts.forecast_amount
    from forecasts
    inner join deals on forecasts.deal_id = deals.deal_id
),

deal_months as (
    {% for segment_by, member in dimensions.items() %}
    select
        forecast_on,
        is_current,
        first_month,
        month_start,
        '{{ segment_by }}' as segment_by,
        {{ member }} as segment,
        count(*) as open_deals,
        sum(amount) as open_amount,
        sum(forecast_amount) as forecast_revenue
    from open_deals
    where month_start >= first_month and month_start < cast(first_month + interval 12 month as date)
    group by forecast_on, is_current, first_month, month_start{{ ', ' ~ member if segment_by != 'all' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

won_deals as (
    select
        cast(date_trunc('month', closed_on) as date) as month_start,
        owner_id,
        team,
        pipeline,
        amount
    from deals
    where is_won
),

won_months as (
    {% for segment_by, member in dimensions.items() %}
    select
        month_start,
        '{{ segment_by }}' as segment_by,
        {{ member }} as segment,
        sum(amount) as won_revenue
    from won_deals
    group by month_start{{ ', ' ~ member if segment_by != 'all' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    -- ids
    deal_months.forecast_on,
    deal_months.segment_by,
    deal_months.segment,
    deal_months.month_start,

    -- amounts
    deal_months.open_amount,
    deal_months.forecast_revenue,
    coalesce(won_months.won_revenue, 0) as won_revenue,

    -- numerics
    deal_months.open_deals,
    -- A month has 28 to 31 days.
    cast(round({{ days_between('deal_months.first_month', 'deal_months.month_start') }} / 30.4) as bigint) as months_ahead,

    -- booleans
    deal_months.is_current
from deal_months
left join won_months
    on
        deal_months.month_start = won_months.month_start
        and deal_months.segment_by = won_months.segment_by
        and deal_months.segment = won_months.segment
