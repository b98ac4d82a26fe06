-- One row per change that an evaluation claims, and month: the KPI's total before, between and after, oldest first; and where a period such as
-- 'after' usually ends up. Months, since single weeks swing too much to be read.
with

claims as (
    select
        *,
        row_number() over (partition by evaluation_name order by p_value_adjusted, kpi_id) as place
    from marts.kpi_evaluation
    where
        segment_by = 'all'
        and verdict in ('improved', 'worsened', 'probably improved', 'probably worsened')
        -- A total of months of unlike length says nothing beside a mean.
        and kpi_id in (select kpi_id from marts.kpi_catalogue where aggregation <> 'total')
),

named_periods as (
    select distinct
        period_name,
        period_start,
        period_end
    from marts.kpi_values
    where period_grain = 'named'
),

shown as (
    select
        claims.evaluation_name,
        claims.kpi_id,
        claims.place,
        claims.baseline_value,
        claims.current_value,
        claims.usual_change,
        claims.earlier_comparisons,
        claims.verdict,
        baseline.period_start as baseline_start,
        baseline.period_end as baseline_end,
        current_period.period_start as current_start,
        current_period.period_end as current_end
    from claims
    inner join named_periods as baseline on claims.baseline_period = baseline.period_name
    inner join named_periods as current_period on claims.current_period = current_period.period_name
    where claims.place <= 6
)

select
    shown.evaluation_name,
    shown.kpi_id,
    shown.place,
    shown.baseline_value,
    shown.current_value,
    shown.usual_change,
    shown.earlier_comparisons,
    shown.verdict,
    months.period_name,
    months.period_start,
    months.kpi_value,
    case
        when months.period_start >= shown.baseline_start and months.period_end <= shown.baseline_end then shown.baseline_value
    end as mean_before,
    case
        when months.period_start >= shown.current_start and months.period_end <= shown.current_end then shown.current_value
    end as mean_after
from shown
inner join marts.kpi_values as months
    on
        shown.kpi_id = months.kpi_id
        and months.segment_by = 'all'
        and months.period_grain = 'month'
        and months.is_comparable
        and months.period_start >= shown.baseline_start - interval 24 month
        and months.period_end <= shown.current_end
order by shown.evaluation_name, shown.place, months.period_start
