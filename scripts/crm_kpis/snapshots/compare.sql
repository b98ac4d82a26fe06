-- Compares two states of the KPI values. It reads, of what crm_kpis.snapshots.compare has made:
--
--   baseline_values, current_values  kpi_values as it was and as it is
--   definition_parts                 side ('baseline' or 'current'), kpi_id, part, value: the parts of each KPI's definition
--   sides                            one row: baseline_as_of, current_as_of
--   tolerances                       unit, absolute: what the user takes for equal
--
-- and makes changed_parts and compared.

-- One row per KPI and part of its definition that is another. The hash of a measure's SQL is compared only where both sides know it:
-- where the measure itself is another one, that part says so.
create temp table changed_parts as
with

baseline_parts as (
    select
        kpi_id,
        part,
        value
    from definition_parts
    where side = 'baseline'
),

current_parts as (
    select
        kpi_id,
        part,
        value
    from definition_parts
    where side = 'current'
),

kpis_of_both as (
    select kpi_id from baseline_parts
    intersect
    select kpi_id from current_parts
),

paired as (
    select
        coalesce(baseline_parts.kpi_id, current_parts.kpi_id) as kpi_id,
        coalesce(baseline_parts.part, current_parts.part) as part,
        baseline_parts.value as baseline_value,
        current_parts.value as current_value,
        baseline_parts.part is not null and current_parts.part is not null as is_in_both
    from baseline_parts
    full join current_parts
        on baseline_parts.kpi_id = current_parts.kpi_id and baseline_parts.part = current_parts.part
)

select
    paired.kpi_id,
    paired.part,
    paired.baseline_value,
    paired.current_value
from paired
inner join kpis_of_both on paired.kpi_id = kpis_of_both.kpi_id
where
    paired.baseline_value is distinct from paired.current_value
    and (paired.is_in_both or paired.part not like 'sql of %');

-- One row per KPI, period and segment of either side.
create temp table compared as
with

-- Of a KPI that is no longer there, what the baseline says.
kpis as (
    select
        kpi_id,
        coalesce(
            max(value) filter (where part = 'unit' and side = 'current'),
            max(value) filter (where part = 'unit')
        ) as unit,
        coalesce(
            max(value) filter (where part = 'good' and side = 'current'),
            max(value) filter (where part = 'good')
        ) as good,
        coalesce(
            max(value) filter (where part = 'aggregation' and side = 'current'),
            max(value) filter (where part = 'aggregation')
        ) as aggregation
    from definition_parts
    group by kpi_id
),

baseline_kpis as (
    select distinct kpi_id from baseline_values
),

current_kpis as (
    select distinct kpi_id from current_values
),

baseline_dimensions as (
    select distinct
        kpi_id,
        segment_by
    from baseline_values
),

current_dimensions as (
    select distinct
        kpi_id,
        segment_by
    from current_values
),

baseline_periods as (
    select distinct
        period_grain,
        period_name,
        period_start,
        period_end,
        is_complete
    from baseline_values
),

current_periods as (
    select distinct
        period_grain,
        period_name,
        period_start,
        period_end,
        is_complete
    from current_values
),

-- A named period such as 'the last 90 days' has other days when as_of moves; a running one has more of them.
periods as (
    select
        coalesce(current_periods.period_grain, baseline_periods.period_grain) as period_grain,
        coalesce(current_periods.period_name, baseline_periods.period_name) as period_name,
        coalesce(current_periods.period_start, baseline_periods.period_start) as period_start,
        coalesce(current_periods.period_end, baseline_periods.period_end) as period_end,
        baseline_periods.period_name is not null as is_in_baseline,
        current_periods.period_name is not null as is_in_current,
        coalesce(
            baseline_periods.period_start = current_periods.period_start
            and baseline_periods.period_end = current_periods.period_end
            and (
                (baseline_periods.is_complete and current_periods.is_complete)
                or sides.baseline_as_of = sides.current_as_of
            ),
            false
        ) as has_the_same_days,
        coalesce(baseline_periods.is_complete, false) as was_complete
    from baseline_periods
    full join current_periods
        on
            baseline_periods.period_grain = current_periods.period_grain
            and baseline_periods.period_name = current_periods.period_name
    cross join sides
),

paired as (
    select
        coalesce(current_values.kpi_id, baseline_values.kpi_id) as kpi_id,
        coalesce(current_values.period_grain, baseline_values.period_grain) as period_grain,
        coalesce(current_values.period_name, baseline_values.period_name) as period_name,
        coalesce(current_values.segment_by, baseline_values.segment_by) as segment_by,
        coalesce(current_values.segment, baseline_values.segment) as segment,
        baseline_values.kpi_id is not null as is_in_baseline,
        current_values.kpi_id is not null as is_in_current,
        baseline_values.kpi_value as baseline_value,
        current_values.kpi_value as current_value,
        baseline_values.sample_size as baseline_sample_size,
        current_values.sample_size as current_sample_size
    from baseline_values
    full join current_values
        on
            baseline_values.kpi_id = current_values.kpi_id
            and baseline_values.period_grain = current_values.period_grain
            and baseline_values.period_name = current_values.period_name
            and baseline_values.segment_by = current_values.segment_by
            and baseline_values.segment = current_values.segment
),

-- Counts are exact. What was divided may differ in its last digits, so the ninth decides.
measured as (
    select
        paired.*,
        kpis.unit,
        kpis.good,
        kpis.aggregation,
        paired.current_value - paired.baseline_value as difference,
        coalesce(
            tolerances.absolute,
            case
                when kpis.unit = 'count' then 0
                else 1e-9 * greatest(abs(paired.baseline_value), abs(paired.current_value))
            end
        ) as tolerance
    from paired
    left join kpis on paired.kpi_id = kpis.kpi_id
    left join tolerances on kpis.unit = tolerances.unit
),

judged as (
    select
        *,
        case
            when not is_in_baseline then 'added'
            when not is_in_current then 'removed'
            when baseline_value is null and current_value is null then 'same'
            when abs(difference) <= tolerance then 'same'
            else 'changed'
        end as status
    from measured
),

explained as (
    select
        judged.*,
        periods.period_start,
        periods.period_end,
        periods.has_the_same_days,
        case
            when judged.status = 'same' then null
            when baseline_kpis.kpi_id is null or current_kpis.kpi_id is null then 'KPI'
            when judged.kpi_id in (select kpi_id from changed_parts) then 'definition'
            when not periods.is_in_baseline or not periods.is_in_current then 'period'
            when baseline_dimensions.kpi_id is null or current_dimensions.kpi_id is null then 'dimension'
            when not periods.has_the_same_days then 'period went on'
            when periods.was_complete then 'late data'
            else 'other data'
        end as cause
    from judged
    inner join periods
        on judged.period_grain = periods.period_grain and judged.period_name = periods.period_name
    left join baseline_kpis on judged.kpi_id = baseline_kpis.kpi_id
    left join current_kpis on judged.kpi_id = current_kpis.kpi_id
    left join baseline_dimensions
        on judged.kpi_id = baseline_dimensions.kpi_id and judged.segment_by = baseline_dimensions.segment_by
    left join current_dimensions
        on judged.kpi_id = current_dimensions.kpi_id and judged.segment_by = current_dimensions.segment_by
)

-- A total grows with its period, which makes it neither better nor worse; nor is it comparable under another definition.
select
    kpi_id,
    unit,
    period_grain,
    period_name,
    period_start,
    period_end,
    segment_by,
    segment,
    status,
    cause,
    case
        when status <> 'changed' or cause = 'definition' or difference is null then null
        when not has_the_same_days and aggregation = 'total' then null
        when (good = 'up' and difference > 0) or (good = 'down' and difference < 0) then 'improved'
        when good in ('up', 'down') then 'worsened'
    end as direction,
    baseline_value,
    current_value,
    difference,
    difference / nullif(abs(baseline_value), 0) as relative_change,
    baseline_sample_size,
    current_sample_size,
    status = 'same' and baseline_sample_size is distinct from current_sample_size as rests_on_others
from explained;
