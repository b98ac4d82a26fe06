-- One row per KPI, dimension, member, grain and period, oldest first: what the page lets its reader choose. An age of 0 is the period that
-- the card of the KPI shows. Members stand in the order of their samples in that period: the forty largest with their history, 500 of them
-- with that period, the one before and the one a year before; `members` says how many there are.
with

as_of as (
    select max(period_end) as day
    from marts.kpi_values
    where period_grain = 'all'
),

totals as (
    select
        kpi_values.*,
        max(kpi_values.period_start > as_of.day and kpi_values.kpi_value is not null) over (partition by kpi_values.kpi_id) as looks_ahead,
        kpi_values.period_end > as_of.day as is_ahead
    from marts.kpi_values as kpi_values
    cross join as_of
    where
        kpi_values.segment_by = 'all'
        and kpi_values.period_grain in ('month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

-- The last period that is over; of a forecast the first that is not.
shown_periods as (
    select
        kpi_id,
        period_grain,
        coalesce(
            min(period_start) filter (where looks_ahead and is_ahead),
            max(period_start) filter (where is_complete)
        ) as period_start
    from totals
    where kpi_value is not null
    group by kpi_id, period_grain
),

aged as (
    select
        kpi_values.*,
        case kpi_values.period_grain
            when 'month' then date_diff('month', kpi_values.period_start, shown_periods.period_start)
            when 'quarter' then date_diff('month', kpi_values.period_start, shown_periods.period_start) // 3
            when 'fiscal_quarter' then date_diff('month', kpi_values.period_start, shown_periods.period_start) // 3
            else date_diff('year', kpi_values.period_start, shown_periods.period_start)
        end as age
    from marts.kpi_values as kpi_values
    inner join shown_periods
        on
            kpi_values.kpi_id = shown_periods.kpi_id
            and kpi_values.period_grain = shown_periods.period_grain
            and kpi_values.period_start <= shown_periods.period_start
    where kpi_values.segment_by <> 'all'
),

-- A dimension that no record of a KPI knows is none to choose.
shown as (
    select
        *,
        max(segment not in ('(none)', '(unknown)')) over (partition by kpi_id, segment_by) as has_members,
        age in (0, 1, case period_grain when 'month' then 12 when 'quarter' then 4 when 'fiscal_quarter' then 4 else 1 end) as is_needed
    from aged
    where age <= case period_grain when 'month' then 12 when 'quarter' then 8 when 'fiscal_quarter' then 8 else 5 end
),

ranked as (
    select
        kpi_id,
        period_grain,
        segment_by,
        segment,
        row_number() over (
            partition by kpi_id, period_grain, segment_by
            order by
                coalesce(max(sample_size) filter (where age = 0), -1) desc,
                max(sample_size) desc,
                segment
        ) as place,
        count(*) over (partition by kpi_id, period_grain, segment_by) as members
    from shown
    group by kpi_id, period_grain, segment_by, segment
)

select
    shown.kpi_id,
    shown.segment_by,
    shown.period_grain,
    ranked.place,
    ranked.members,
    shown.segment,
    shown.period_start,
    shown.sample_size,
    shown.kpi_value,
    shown.interval_low,
    shown.interval_high
from shown
inner join ranked
    on
        shown.kpi_id = ranked.kpi_id
        and shown.period_grain = ranked.period_grain
        and shown.segment_by = ranked.segment_by
        and shown.segment = ranked.segment
where shown.has_members and (ranked.place <= 40 or (ranked.place <= 500 and shown.is_needed))
order by shown.kpi_id, shown.segment_by, shown.period_grain, ranked.place, shown.age desc
