-- One row per month, and team or owner, of this month and the two after it: what is expected to be won, against the quota; the total first.
-- `found` says how many rows there are.
with

known_members as (
    select distinct segment_by
    from marts.sales_forecast
    where segment not in ('(none)', '(unknown)')
)

select
    count(*) over () as found,
    max(expected_revenue) filter (where segment_by = 'all' and months_ahead = 0) over () as found_amount,
    strftime(month_start, '%Y-%m') as month,
    case when segment_by = 'team' then segment end as team,
    case when segment_by = 'owner' then segment end as owner,
    won_revenue,
    forecast_revenue,
    expected_revenue,
    expected_revenue_low,
    expected_revenue_high,
    quota,
    quota_attainment,
    pipeline_coverage
from marts.sales_forecast
where
    segment_by in ('all', 'team', 'owner')
    and months_ahead <= 2
    -- One row of those whose owner nobody knows is the total again.
    and segment_by in (select known_members.segment_by from known_members)
order by month_start, segment_by = 'all' desc, segment_by = 'team' desc, expected_revenue desc nulls last, segment
limit 200
