-- One row per KPI and period: the total in the periods that the page shows, oldest first. The last one may still run; of periods that have
-- not begun, those of a KPI that looks ahead, as a forecast does. `is_shown` is the period that a card shows: the last one that is over and
-- has a value; of a KPI that looks ahead the first one that is not over.
with

as_of as (
    select max(period_end) as day
    from marts.kpi_values
    where period_grain = 'all'
),

totals as (
    select
        kpi_values.*,
        kpi_values.period_start > as_of.day as is_ahead,
        kpi_values.period_end > as_of.day as is_unfinished,
        max(kpi_values.period_start > as_of.day and kpi_values.kpi_value is not null)
            over (partition by kpi_values.kpi_id) as looks_ahead
    from marts.kpi_values as kpi_values
    cross join as_of
    where
        kpi_values.segment_by = 'all'
        and kpi_values.period_grain in ('month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

aged as (
    select
        *,
        row_number() over (partition by kpi_id, period_grain, is_ahead order by period_start desc) as age,
        row_number() over (partition by kpi_id, period_grain, is_ahead order by period_start) as place_ahead
    from totals
    where looks_ahead or not is_ahead
),

shown_periods as (
    select
        kpi_id,
        period_grain,
        coalesce(
            min(period_start) filter (where looks_ahead and is_unfinished),
            max(period_start) filter (where is_complete)
        ) as period_start
    from totals
    where kpi_value is not null
    group by kpi_id, period_grain
)

select
    aged.kpi_id,
    aged.period_grain,
    aged.period_name,
    aged.period_start,
    aged.period_end,
    aged.is_complete,
    aged.is_ahead,
    aged.looks_ahead,
    aged.coverage,
    aged.is_comparable,
    aged.sample_size,
    aged.kpi_value,
    aged.interval_low,
    aged.interval_high,
    aged.interval_is_rough,
    coalesce(aged.period_start = shown_periods.period_start, false) as is_shown
from aged
left join shown_periods
    on
        aged.kpi_id = shown_periods.kpi_id
        and aged.period_grain = shown_periods.period_grain
where
    (aged.is_ahead and aged.place_ahead <= 4)
    or (
        not aged.is_ahead
        and aged.age <= case aged.period_grain when 'month' then 13 when 'quarter' then 9 when 'fiscal_quarter' then 9 else 6 end
    )
order by aged.kpi_id, aged.period_grain, aged.period_start
