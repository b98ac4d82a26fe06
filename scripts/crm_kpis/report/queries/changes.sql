-- One row per change that an evaluation claims, and week: the KPI's total before, between and after, oldest first. A week has no churn rate
-- and the like: their rows are as long as the two periods. The levels are those of a row: a total's is per week.
with

claims as (
    select
        *,
        row_number() over (partition by evaluation_name order by p_value_adjusted, kpi_id) as place,
        count(*) over (partition by evaluation_name) as claims
    from marts.kpi_evaluation
    where segment_by = 'all' and verdict in ('improved', 'worsened', 'probably improved', 'probably worsened')
),

periods as (
    select distinct
        period_grain,
        period_name,
        period_start,
        period_end
    from marts.kpi_values
    where segment_by = 'all' and period_grain in ('named', 'month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

first_days as (
    select min(period_start) as first_day
    from marts.kpi_values
    where period_grain = 'all'
),

drawn as (
    select
        claims.evaluation_name,
        claims.kpi_id,
        claims.place,
        claims.claims,
        claims.baseline_value,
        claims.current_value,
        claims.difference,
        claims.relative_change,
        claims.usual_change,
        claims.earlier_comparisons,
        claims.verdict,
        catalogue.aggregation = 'total' and catalogue.length_effect = 'proportional' as is_weekly_total,
        baselines.period_start as baseline_start,
        baselines.period_end as baseline_end,
        currents.period_start as current_start,
        currents.period_end as current_end,
        1 + date_diff('day', greatest(baselines.period_start, first_days.first_day), baselines.period_end) as baseline_days,
        1 + date_diff('day', currents.period_start, currents.period_end) as current_days,
        case
            when catalogue.usual_change_from <> 'whole periods' then 'week'
            else (
                select min(wholes.period_grain)
                from periods as wholes
                where
                    wholes.period_grain <> 'named'
                    and wholes.period_start = currents.period_start
                    and wholes.period_end = currents.period_end
            )
        end as period_grain
    from claims
    cross join first_days
    inner join marts.kpi_catalogue as catalogue on claims.kpi_id = catalogue.kpi_id
    inner join periods as baselines on claims.baseline_period = baselines.period_name and baselines.period_grain = 'named'
    inner join periods as currents on claims.current_period = currents.period_name and currents.period_grain = 'named'
    where claims.place <= 6
)

select
    drawn.evaluation_name,
    drawn.kpi_id,
    drawn.place,
    drawn.claims,
    drawn.baseline_value,
    drawn.current_value,
    drawn.difference,
    drawn.relative_change,
    drawn.usual_change,
    drawn.earlier_comparisons,
    drawn.verdict,
    drawn.is_weekly_total,
    drawn.period_grain,
    drawn.current_start,
    drawn.current_end,
    drawn.baseline_value * case when drawn.is_weekly_total then 7.0 / drawn.baseline_days else 1 end as level_before,
    drawn.current_value * case when drawn.is_weekly_total then 7.0 / drawn.current_days else 1 end as level_after,
    drawn.usual_change * case when drawn.is_weekly_total then 7.0 / drawn.current_days else 1 end as usual_level,
    kpi_values.period_name,
    kpi_values.period_start,
    kpi_values.kpi_value,
    case
        when kpi_values.period_start >= drawn.baseline_start and kpi_values.period_end <= drawn.baseline_end then 'before'
        when kpi_values.period_start >= drawn.current_start and kpi_values.period_end <= drawn.current_end then 'after'
    end as side
from drawn
inner join marts.kpi_values as kpi_values
    on
        drawn.kpi_id = kpi_values.kpi_id
        and drawn.period_grain = kpi_values.period_grain
        and kpi_values.segment_by = 'all'
        and kpi_values.is_comparable
        -- Half a year before and after shows how weeks swing. Longer periods are few.
        and (
            kpi_values.period_grain <> 'week'
            or (
                kpi_values.period_start >= drawn.baseline_start - interval 26 week
                and kpi_values.period_end <= drawn.current_end + interval 26 week
            )
        )
order by drawn.evaluation_name, drawn.place, kpi_values.period_start
