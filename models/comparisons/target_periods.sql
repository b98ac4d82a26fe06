-- The rule of indents takes the lines of a loop over columns for wrongly indented.
-- noqa: disable=layout.indent
with

targets as (
    select * from {{ source('settings', 'kpi_targets') }}
),

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

kpi_values as (
    select kpi_values.*
    from {{ ref('kpi_values') }} as kpi_values
    where
        kpi_values.period_grain <> 'week'
        and exists (
            select 1
            from targets
            where kpi_values.kpi_id = targets.kpi_id
        )
),

periods as (
    select * from {{ ref('periods') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

measured_targets as (
    select
        targets.target_id,
        targets.target_name,
        targets.kpi_id,
        coalesce(targets.segment_by, 'all') as segment_by,
        coalesce(targets.segment, 'all') as segment,
        targets.kind,
        targets.target,
        targets.baseline_period,
        targets.starts_on,
        targets.due_on,
        catalogue.good,
        catalogue.length_effect,
        case
            when catalogue.records_alike_because is not null then 'none'
            -- Months do not add up to three months.
            when catalogue.usual_change_from <> 'weeks' then 'none'
            else catalogue.interval_method
        end as pooled_interval_method,
        catalogue.records_alike_because is null as has_sound_interval
    from targets
    inner join catalogue on targets.kpi_id = catalogue.kpi_id
),

known_periods as (
    select
        periods.period_grain,
        periods.period_name,
        periods.period_start,
        periods.period_end,
        periods.is_complete,
        case
            when periods.period_grain = 'month' then 1
            when periods.period_grain in ('quarter', 'fiscal_quarter') then 3
            when periods.period_grain in ('year', 'fiscal_year') then 12
        end as months,
        {{ days_between('greatest(periods.period_start, reporting_window.first_day)', 'periods.period_end') }} + 1 as day_count
    from periods
    cross join reporting_window
    where periods.period_end >= reporting_window.first_day
),

-- The months, quarters and years from the start of a target on. An absolute target is that of a month: of a total, three months have three
-- times as much, and of what depends on the length of its period in another way nobody can say.
target_periods as (
    select
        measured_targets.*,
        known_periods.period_grain,
        known_periods.period_name,
        known_periods.period_start,
        known_periods.period_end,
        known_periods.is_complete,
        known_periods.months,
        known_periods.day_count
    from measured_targets
    inner join known_periods on measured_targets.starts_on <= known_periods.period_end
    where
        known_periods.period_grain = 'month'
        or (
            known_periods.period_grain in ('quarter', 'year', 'fiscal_quarter', 'fiscal_year')
            and measured_targets.length_effect <> 'other'
        )
),

-- Where no baseline is named, the last complete month before the start is one.
months_before as (
    select
        measured_targets.target_id,
        max(known_periods.period_end) as period_end
    from measured_targets
    inner join known_periods on measured_targets.starts_on > known_periods.period_end
    where known_periods.period_grain = 'month' and known_periods.is_complete
    group by measured_targets.target_id
),

baselines as (
    select
        measured_targets.target_id,
        kpi_values.kpi_value,
        known_periods.day_count
    from measured_targets
    left join months_before on measured_targets.target_id = months_before.target_id
    inner join known_periods
        on
            (known_periods.period_grain = 'named' and measured_targets.baseline_period = known_periods.period_name)
            or (
                known_periods.period_grain = 'month'
                and measured_targets.baseline_period is null
                and months_before.period_end = known_periods.period_end
            )
    inner join kpi_values
        on
            measured_targets.kpi_id = kpi_values.kpi_id
            and measured_targets.segment_by = kpi_values.segment_by
            and measured_targets.segment = kpi_values.segment
            and known_periods.period_grain = kpi_values.period_grain
            and known_periods.period_name = kpi_values.period_name
    where known_periods.is_complete and kpi_values.is_comparable
),

-- Totals per day, as in period_comparisons.
with_values as (
    select
        target_periods.*,
        kpi_values.kpi_value,
        kpi_values.interval_low,
        kpi_values.interval_high,
        kpi_values.sample_size,
        kpi_values.numerator,
        kpi_values.denominator,
        case when target_periods.pooled_interval_method in ('mean', 'nps') then {{ squares_of_mean('kpi_values') }} end as squares,
        kpi_values.is_comparable,
        case
            when target_periods.length_effect = 'proportional' then baselines.kpi_value * target_periods.day_count / baselines.day_count
            when target_periods.length_effect = 'none' then baselines.kpi_value
            when {{ are_about_as_long('target_periods.day_count', 'baselines.day_count') }} then baselines.kpi_value
        end as baseline_value
    from target_periods
    left join baselines on target_periods.target_id = baselines.target_id
    left join kpi_values
        on
            target_periods.kpi_id = kpi_values.kpi_id
            and target_periods.segment_by = kpi_values.segment_by
            and target_periods.segment = kpi_values.segment
            and target_periods.period_grain = kpi_values.period_grain
            and target_periods.period_name = kpi_values.period_name
),

with_targets as (
    select
        *,
        case
            -- A tenth more than nothing is nothing, which every value reaches.
            when kind = 'relative' then baseline_value + target * nullif(abs(baseline_value), 0)
            when length_effect = 'proportional' then target * months
            else target
        end as target_value
    from with_values
),

-- How far the value, and the path to the target, are on the good side.
with_distances as (
    select
        *,
        case
            when period_end >= due_on then target_value
            else
                baseline_value + (target_value - baseline_value)
                * (cast({{ days_between('starts_on', 'period_end') }} as double) / {{ days_between('starts_on', 'due_on') }})
        end as path_value,
        case good when 'up' then 1 when 'down' then -1 end as direction,
        kpi_value - target_value as gap
    from with_targets
),

-- A month varies by chance: the last three together vary less. Where there is no interval, each of the three must be there.
with_three_months as (
    select
        *,
        (kpi_value - target_value) * direction as beyond_target,
        (kpi_value - path_value) * direction as beyond_path,
        sum(numerator) over three_months as three_months_numerator,
        sum(denominator) over three_months as three_months_denominator,
        sum(squares) over three_months as three_months_squares,
        count(case when is_comparable and is_complete then 1 end) over three_months as three_months_known,
        count(case when (kpi_value - target_value) * direction >= 0 then 1 end) over three_months as three_months_reached
    from with_distances
    window three_months as (
        partition by target_id, period_grain
        order by period_start
        rows between 2 preceding and current row
    )
),

with_pooled_intervals as (
    select
        *,
        {% for bound in ['low', 'high'] %}
        case pooled_interval_method
            when 'wilson' then {{ wilson_bound('three_months_numerator', 'three_months_denominator', '-' if bound == 'low' else '+') }}
            when 'poisson' then
                {{ (poisson_low if bound == 'low' else poisson_high)('three_months_numerator', 'three_months_denominator') }}
            when 'mean' then {{ mean_bound(
                'three_months_numerator', 'three_months_squares', 'three_months_denominator', '-' if bound == 'low' else '+'
            ) }}
            when 'nps' then {{ scale_bound(
                'three_months_numerator', 'three_months_squares', 'three_months_denominator', '-100.0', '100.0', '-' if bound == 'low' else '+'
            ) }}
        end as three_months_{{ bound }}{{ ',' if not loop.last }}
        {% endfor %}
    from with_three_months
),

with_evidence as (
    select
        *,
        has_sound_interval
        and coalesce(
            case good when 'up' then interval_low >= target_value else interval_high <= target_value end, false
        ) as is_target_borne_out,
        case
            -- A quarter is three months.
            when period_grain <> 'month' then pooled_interval_method = 'none'
            when three_months_known < 3 then false
            when pooled_interval_method = 'none' then three_months_reached = 3
            else coalesce(case good when 'up' then three_months_low >= target_value else three_months_high <= target_value end, false)
        end as do_three_months_bear_out
    from with_pooled_intervals
),

with_status as (
    select
        *,
        case
            when not is_complete or not is_comparable or beyond_target is null then 'not measurable'
            when beyond_target >= 0 and (is_target_borne_out or do_three_months_bear_out) then 'met'
            when beyond_path is null then 'not measurable'
            when beyond_path >= 0 then 'on track'
            when period_end < due_on then 'behind'
            else 'missed'
        end as status
    from with_evidence
)

select
    target_id,
    target_name,
    kpi_id,
    segment_by,
    segment,
    kind,
    starts_on,
    due_on,
    baseline_value,
    target_value,
    period_grain,
    period_name,
    period_start,
    period_end,
    is_complete,
    kpi_value,
    interval_low,
    interval_high,
    sample_size,
    path_value,
    gap,
    status,
    case
        when status = 'not measurable' then null
        when status = 'met' then case when is_target_borne_out then 'borne out' else 'three months together' end
        when interval_low is null or not has_sound_interval then null
        when interval_low <= path_value and interval_high >= path_value
            then case when period_end < due_on then 'includes the path' else 'includes the target' end
        else 'borne out'
    end as evidence
from with_status
