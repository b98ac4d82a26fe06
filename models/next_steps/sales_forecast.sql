{#
    Steps:
    deal_months      what is forecast at as_of for the months ahead
    won_months       what has been won in the current month so far
    overdue_deals    open deals whose expected close has passed: in no month ahead, but counted in the first one
    member_months    the members of a dimension that have any of these or a quota
#}
{% set dimensions = {'all': "'all'", 'owner': 'owner_id', 'team': 'team', 'pipeline': 'pipeline'} %}

with

month_forecasts as (
    select * from {{ ref('int_month_forecasts') }}
),

ranges as (
    select * from {{ ref('int_forecast_ranges') }}
),

quotas as (
    select * from {{ ref('int_month_quotas') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

first_months as (
    select
        as_of,
        cast(date_trunc('month', {{ add_days('as_of', 1) }}) as date) as first_month
    from reporting_window
),

deal_months as (
    select
        month_start,
        segment_by,
        segment,
        open_deals,
        open_amount,
        forecast_revenue
    from month_forecasts
    where is_current
),

-- What was won since the month began, and the open deals that should have been closed before it.
current_deals as (
    select
        first_months.first_month as month_start,
        deals.owner_id,
        deals.team,
        deals.pipeline,
        deals.amount,
        deals.is_won,
        deals.is_open
    from deals
    cross join first_months
    where
        (deals.is_won and deals.closed_on >= first_months.first_month)
        or (deals.is_open and deals.expected_close_on < first_months.first_month)
),

current_months as (
    {% for segment_by, member in dimensions.items() %}
    select
        month_start,
        '{{ segment_by }}' as segment_by,
        {{ member }} as segment,
        sum(case when is_won then amount end) as won_revenue,
        sum(case when is_open then 1 else 0 end) as overdue_deals,
        sum(case when is_open then amount end) as overdue_amount
    from current_deals
    group by month_start{{ ', ' ~ member if segment_by != 'all' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

member_months as (
    select
        month_start,
        segment_by,
        segment
    from deal_months
    union
    select
        month_start,
        segment_by,
        segment
    from current_months
    union
    select
        month_start,
        segment_by,
        segment
    from quotas
),

forecasts as (
    select
        member_months.month_start,
        member_months.segment_by,
        member_months.segment,
        cast(round({{ days_between('first_months.first_month', 'member_months.month_start') }} / 30.4) as bigint) as months_ahead,
        first_months.as_of,
        coalesce(deal_months.open_deals, 0) as open_deals,
        coalesce(deal_months.open_amount, 0) as open_amount,
        coalesce(deal_months.forecast_revenue, 0) as forecast_revenue,
        coalesce(current_months.won_revenue, 0) as won_revenue,
        coalesce(current_months.overdue_deals, 0) as overdue_deals,
        coalesce(current_months.overdue_amount, 0) as overdue_amount,
        quotas.quota
    from member_months
    cross join first_months
    left join deal_months
        on
            member_months.month_start = deal_months.month_start
            and member_months.segment_by = deal_months.segment_by
            and member_months.segment = deal_months.segment
    left join current_months
        on
            member_months.month_start = current_months.month_start
            and member_months.segment_by = current_months.segment_by
            and member_months.segment = current_months.segment
    left join quotas
        on
            member_months.month_start = quotas.month_start
            and member_months.segment_by = quotas.segment_by
            and member_months.segment = quotas.segment
),

-- Past forecasts reach three months ahead: what lies further is judged by the third.
forecasts_with_range as (
    select
        forecasts.*,
        -- greatest() takes NULL for nothing.
        case
            when forecasts.forecast_revenue > 0 and ranges.low_error is not null
                then greatest(
                    cast(forecasts.forecast_revenue as double)
                    + ranges.low_error * sqrt(cast(forecasts.forecast_revenue as double)),
                    0.0
                )
        end as forecast_low,
        case
            when forecasts.forecast_revenue > 0 and ranges.high_error is not null
                then greatest(
                    cast(forecasts.forecast_revenue as double)
                    + ranges.high_error * sqrt(cast(forecasts.forecast_revenue as double)),
                    0.0
                )
        end as forecast_high
    from forecasts
    left join ranges
        on
            forecasts.as_of = ranges.forecast_on
            and forecasts.segment_by = ranges.segment_by
            and least(forecasts.months_ahead, 2) = ranges.months_ahead
)

select
    -- ids
    month_start,
    segment_by,
    segment,

    -- amounts, as doubles: a sum may have more digits than an amount
    cast(open_amount as double) as open_amount,
    cast(won_revenue as double) as won_revenue,
    cast(forecast_revenue as double) as forecast_revenue,
    cast(won_revenue + forecast_revenue as double) as expected_revenue,
    cast(won_revenue as double) + forecast_low as expected_revenue_low,
    cast(won_revenue as double) + forecast_high as expected_revenue_high,
    cast(quota as double) as quota,
    cast(overdue_amount as double) as overdue_amount,

    -- numerics
    months_ahead,
    cast(open_deals as bigint) as open_deals,
    cast(overdue_deals as bigint) as overdue_deals,
    cast(won_revenue + forecast_revenue as double) / nullif(cast(quota as double), 0) as quota_attainment,
    case
        when quota > won_revenue then cast(open_amount as double) / cast(quota - won_revenue as double)
    end as pipeline_coverage
from forecasts_with_range
