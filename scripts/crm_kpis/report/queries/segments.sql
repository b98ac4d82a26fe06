-- One row per KPI, dimension, member, grain and period, oldest first: what the page lets its reader choose. Members stand in the order of
-- their samples in the last complete period of the total; the twelve largest with their history, 500 of them
-- with that period and the one before; `members` says how many there are.
with

last_periods as (
    select
        kpi_id,
        period_grain,
        max(period_start) as period_start
    from marts.kpi_values
    where
        segment_by = 'all'
        and is_complete
        and period_grain in ('month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
        and kpi_value is not null
    group by kpi_id, period_grain
),

aged as (
    select
        kpi_values.*,
        last_periods.period_start as last_start,
        case kpi_values.period_grain
            when 'month' then date_diff('month', kpi_values.period_start, last_periods.period_start)
            when 'quarter' then date_diff('month', kpi_values.period_start, last_periods.period_start) // 3
            when 'fiscal_quarter' then date_diff('month', kpi_values.period_start, last_periods.period_start) // 3
            else date_diff('year', kpi_values.period_start, last_periods.period_start)
        end as age
    from marts.kpi_values as kpi_values
    inner join last_periods
        on
            kpi_values.kpi_id = last_periods.kpi_id
            and kpi_values.period_grain = last_periods.period_grain
            and kpi_values.period_start <= last_periods.period_start
    where kpi_values.segment_by <> 'all'
),

shown as (
    select *
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
    shown.period_name,
    shown.age,
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
where ranked.place <= 12 or (ranked.place <= 500 and shown.age <= 1)
order by shown.kpi_id, shown.segment_by, shown.period_grain, ranked.place, shown.age desc
