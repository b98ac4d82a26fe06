with

deals as (
    select * from {{ ref('fct_deals') }}
),

intervals as (
    select * from {{ ref('int_open_deal_intervals') }}
),

visits as (
    select * from {{ ref('fct_deal_stage_visits') }}
),

periods as (
    select * from {{ ref('periods') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Fiscal quarters are often calendar quarters.
quarters as (
    select distinct
        period_start,
        period_end
    from periods
    where period_grain in ('quarter', 'fiscal_quarter') and is_complete
),

forecasts as (
    select
        {{ add_days('period_start', -1) }} as forecast_on,
        period_start as expected_from,
        period_end as expected_to,
        false as is_current
    from quarters
    union all
    select
        as_of as forecast_on,
        cast('1970-01-01' as date) as expected_from,
        cast('2099-12-31' as date) as expected_to,
        true as is_current
    from reporting_window
),

closed_visits as (
    select
        pipeline,
        stage,
        deal_closed_on,
        count(*) as visits,
        count(*) filter (where is_won) as won_visits
    from visits
    group by pipeline, stage, deal_closed_on
),

-- Of a deal that is still open nobody knows how its visits turn out: without a close, they come before no forecast.
win_shares as (
    select
        forecasts.forecast_on,
        closed_visits.pipeline,
        closed_visits.stage,
        cast(sum(closed_visits.visits) as bigint) as visits,
        cast(sum(closed_visits.won_visits) as bigint) as won_visits
    from forecasts
    inner join closed_visits on forecasts.forecast_on >= closed_visits.deal_closed_on
    group by forecasts.forecast_on, closed_visits.pipeline, closed_visits.stage
),

open_deals as (
    select
        forecasts.forecast_on,
        forecasts.is_current,
        intervals.deal_id,
        intervals.owner_id,
        intervals.stage,
        intervals.pipeline,
        intervals.amount,
        deals.expected_close_on
    from intervals
    inner join deals on intervals.deal_id = deals.deal_id
    inner join forecasts
        on
            intervals.open_from <= forecasts.forecast_on
            and (intervals.open_until is null or intervals.open_until > forecasts.forecast_on)
            and deals.expected_close_on between forecasts.expected_from and forecasts.expected_to
)

select
    -- ids
    open_deals.forecast_on,
    open_deals.deal_id,
    open_deals.owner_id,

    -- segments
    open_deals.stage,
    open_deals.pipeline,

    -- amounts
    open_deals.amount,
    {{ to_amount('(cast(open_deals.amount as double) * win_shares.won_visits / win_shares.visits)') }} as forecast_amount,

    -- numerics
    win_shares.visits,
    win_shares.won_visits,

    -- booleans
    open_deals.is_current,

    -- dates
    open_deals.expected_close_on
from open_deals
left join win_shares
    on
        open_deals.forecast_on = win_shares.forecast_on
        and open_deals.pipeline = win_shares.pipeline
        and open_deals.stage = win_shares.stage
