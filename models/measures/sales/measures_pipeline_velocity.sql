{#
    A product of ratios, the one thing that kpi_values does not compute: how many open deals will be won, times what a won deal brings. Each
    ratio is of the 365 days that end with the period.
#}
with

measures_of_deals as (
    select
        period_id,
        measure,
        value
    from {{ ref('measures_deals_closed_in_365_days') }}
    where segment_by = 'all'
    union all
    select
        period_id,
        measure,
        value
    from {{ ref('measures_open_deals') }}
    where segment_by = 'all' and measure = 'open_deals'
),

by_period as (
    select
        period_id,
        cast(max(value) filter (where measure = 'open_deals') as double) as open_deals,
        cast(max(value) filter (where measure = 'deals_closed_in_365_days') as double) as deals_closed,
        cast(max(value) filter (where measure = 'deals_won_in_365_days') as double) as deals_won,
        cast(max(value) filter (where measure = 'won_deals_with_amount_in_365_days') as double) as won_deals_with_amount,
        cast(max(value) filter (where measure = 'won_revenue_in_365_days') as double) as won_revenue,
        cast(max(value) filter (where measure = 'won_deals_with_cycle_in_365_days') as double) as won_deals_with_cycle,
        cast(max(value) filter (where measure = 'sales_cycle_days_in_365_days') as double) as sales_cycle_days
    from measures_of_deals
    group by period_id
),

velocities as (
    select
        period_id,
        cast(
            open_deals * (deals_won / nullif(deals_closed, 0)) * (won_revenue / nullif(won_deals_with_amount, 0))
            as {{ measure_type() }}
        ) as expected_open_revenue,
        cast(sales_cycle_days / nullif(won_deals_with_cycle, 0) as {{ measure_type() }}) as mean_sales_cycle_days
    from by_period
)

select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'expected_open_revenue' as measure,
    expected_open_revenue as value
from velocities
where expected_open_revenue is not null and mean_sales_cycle_days is not null
union all
select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'mean_sales_cycle_days' as measure,
    mean_sales_cycle_days as value
from velocities
where expected_open_revenue is not null and mean_sales_cycle_days is not null
