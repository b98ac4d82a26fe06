-- The rule of indents takes the lines of a loop over columns for wrongly indented.
-- noqa: disable=layout.indent
with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

pairs as (
    select * from {{ ref('period_pairs') }}
),

usual_changes as (
    select * from {{ ref('usual_changes') }}
),

week_differences as (
    select * from {{ ref('week_differences') }}
),

kpi_values as (
    select * from {{ ref('kpi_values') }}
    where kpi_value is not null and period_grain <> 'week'
),

snapshot_values as (
    select * from {{ source('snapshots', 'kpi_values') }}
    where kpi_value is not null
),

-- Another formula, or another unit, makes another KPI: its value of then says nothing of now.
redefined_kpis as (
    select
        definitions.snapshot_name,
        definitions.kpi_id
    from {{ source('snapshots', 'kpi_catalogue') }} as definitions
    inner join catalogue on definitions.kpi_id = catalogue.kpi_id
    where
        definitions.unit is distinct from catalogue.unit
        or definitions.aggregation is distinct from catalogue.aggregation
        or definitions.numerator is distinct from catalogue.numerator
        or definitions.denominator is distinct from catalogue.denominator
        or definitions.sample_measure is distinct from catalogue.sample_measure
        or definitions.per_unit is distinct from catalogue.per_unit
        or definitions.interval_method is distinct from catalogue.interval_method
        or definitions.dated_by is distinct from catalogue.dated_by
),

-- The raw data of a snapshot may be gone: its values are taken as they were computed then.
baselines as (
    select
        pairs.pair_id,
        kpi_values.kpi_id,
        kpi_values.segment_by,
        kpi_values.segment,
        kpi_values.kpi_value,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.interval_low,
        kpi_values.interval_high,
        kpi_values.sample_size,
        kpi_values.standard_error,
        kpi_values.is_comparable
    from pairs
    inner join kpi_values on pairs.baseline_grain = kpi_values.period_grain and pairs.baseline_period = kpi_values.period_name
    where pairs.baseline_snapshot is null
    union all
    select
        pairs.pair_id,
        snapshot_values.kpi_id,
        snapshot_values.segment_by,
        snapshot_values.segment,
        snapshot_values.kpi_value,
        snapshot_values.numerator,
        snapshot_values.denominator,
        snapshot_values.interval_low,
        snapshot_values.interval_high,
        snapshot_values.sample_size,
        snapshot_values.standard_error,
        snapshot_values.is_comparable
    from pairs
    inner join snapshot_values
        on
            pairs.baseline_snapshot = snapshot_values.snapshot_name
            and pairs.baseline_grain = snapshot_values.period_grain
            and pairs.baseline_period = snapshot_values.period_name
),

currents as (
    select
        pairs.pair_id,
        kpi_values.kpi_id,
        kpi_values.segment_by,
        kpi_values.segment,
        kpi_values.kpi_value,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.interval_low,
        kpi_values.interval_high,
        kpi_values.sample_size,
        kpi_values.standard_error,
        kpi_values.is_comparable
    from pairs
    inner join kpi_values on pairs.current_grain = kpi_values.period_grain and pairs.current_period = kpi_values.period_name
),

-- What has a value on either side.
keys as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment
    from baselines
    union
    select
        pair_id,
        kpi_id,
        segment_by,
        segment
    from currents
),

sides as {{ computed_once() }} (
    select
        keys.kpi_id,
        keys.segment_by,
        keys.segment,
        pairs.pair_id,
        pairs.comparison,
        pairs.evaluation_name,
        pairs.control_segment,
        pairs.control_by,
        pairs.control_member,
        pairs.baseline_snapshot,
        pairs.baseline_period,
        pairs.current_grain,
        pairs.current_period,
        pairs.current_start,
        pairs.current_end,
        pairs.calendar_overlap,
        catalogue.good,
        catalogue.aggregation,
        catalogue.interval_method,
        catalogue.not_tested_because,
        {{ testing_method() }} as testing_method,
        catalogue.usual_change_from <> 'whole periods' or pairs.are_whole_periods as has_usual_changes,
        -- Usual changes of totals are per day.
        case when catalogue.length_effect = 'proportional' then cast(pairs.current_days as double) else 1.0 end as usual_change_scale,
        {% for side in ['baseline', 'current'] %}
        {{ side }}s.kpi_value as {{ side }}_value,
        {{ side }}s.numerator as {{ side }}_numerator,
        {{ side }}s.denominator as {{ side }}_denominator,
        {{ side }}s.interval_low as {{ side }}_interval_low,
        {{ side }}s.interval_high as {{ side }}_interval_high,
        {{ side }}s.sample_size as {{ side }}_sample_size,
        {{ side }}s.standard_error as {{ side }}_standard_error,
        coalesce({{ side }}s.is_comparable, true) as is_{{ side }}_comparable,
        {% endfor %}
        -- Whole weeks have as many working days each; two months do not, and a total moves with them.
        case
            when
                catalogue.aggregation = 'total'
                and catalogue.length_effect = 'proportional'
                and pairs.comparison in ('evaluation', 'baseline')
                then
                    cast(pairs.current_weekdays as double) / pairs.current_days
                    / (cast(nullif(pairs.baseline_weekdays, 0) as double) / pairs.baseline_days) - 1
        end as weekday_effect,
        week_differences.difference as week_difference,
        -- Totals per day. What depends on the length of its period in another way is compared with one about as long.
        case
            when redefined_kpis.kpi_id is not null then null
            when catalogue.length_effect = 'none' then 1.0
            when catalogue.length_effect = 'proportional' then cast(pairs.current_days as double) / pairs.baseline_days
            else case when {{ are_about_as_long('pairs.current_days', 'pairs.baseline_days') }} then 1.0 end
        end as scale
    from keys
    inner join pairs on keys.pair_id = pairs.pair_id
    inner join catalogue on keys.kpi_id = catalogue.kpi_id
    left join redefined_kpis on pairs.baseline_snapshot = redefined_kpis.snapshot_name and keys.kpi_id = redefined_kpis.kpi_id
    left join week_differences
        on
            keys.pair_id = week_differences.pair_id
            and keys.kpi_id = week_differences.kpi_id
            and keys.segment_by = week_differences.segment_by
            and keys.segment = week_differences.segment
    left join baselines
        on
            keys.pair_id = baselines.pair_id
            and keys.kpi_id = baselines.kpi_id
            and keys.segment_by = baselines.segment_by
            and keys.segment = baselines.segment
    left join currents
        on
            keys.pair_id = currents.pair_id
            and keys.kpi_id = currents.kpi_id
            and keys.segment_by = currents.segment_by
            and keys.segment = currents.segment
),

with_claims as (
    select
        *,
        not_tested_because is null
        and is_baseline_comparable
        and is_current_comparable
        and coalesce(has_usual_changes, true) as may_be_claimed,
        {{ has_enough_records() }} as has_enough_records,
        -- Rounding is no difference.
        case
            when abs(current_value - baseline_value - week_difference) > 0.000000001 * abs(current_value)
                then current_value - baseline_value - week_difference
        end as week_end_effect
    from sides
),

{{ test_differences('with_claims', 'differences') }},

-- What changed while the control did not: the total without the control, or another segment of its dimension.
controls as (
    select
        pair_id,
        kpi_id,
        testing_method,
        aggregation,
        difference as control_difference,
        variance_by_chance as control_variance,
        {% for side in ['baseline', 'current'] %}
        {{ side }}_value as {{ side }}_control_value,
        {{ side }}_numerator as {{ side }}_control_numerator,
        {{ side }}_denominator as {{ side }}_control_denominator,
        case when testing_method = 'mean' then {{ squares_of_side(side) }} end as {{ side }}_control_squares{{ ',' if not loop.last }}
        {% endfor %}
    from differences
    where segment_by = control_by and segment = control_member
),

with_controls as (
    select
        differences.*,
        controls.control_difference,
        controls.control_variance,
        controls.pair_id is not null as is_controlled,
        {% for side in ['baseline', 'current'] %}
        differences.{{ side }}_value - controls.{{ side }}_control_value as {{ side }}_value_left,
        differences.{{ side }}_numerator - controls.{{ side }}_control_numerator as {{ side }}_rest_numerator,
        differences.{{ side }}_denominator - controls.{{ side }}_control_denominator as {{ side }}_rest_denominator,
        case
            when differences.testing_method = 'mean' then {{ squares_of_side('differences.' ~ side) }} - controls.{{ side }}_control_squares
        end as {{ side }}_rest_squares{{ ',' if not loop.last }}
        {% endfor %}
    from differences
    left join controls
        on
            differences.pair_id = controls.pair_id
            and differences.kpi_id = controls.kpi_id
            and not (differences.segment_by = differences.control_by and differences.segment = differences.control_member)
            -- A median without a part of its records is not known.
            and not (differences.segment_by = 'all' and differences.aggregation = 'median')
),

against_controls as (
    select
        *,
        case
            when not is_controlled then difference
            when segment_by <> 'all' then difference - control_difference
            when aggregation = 'total' then current_value_left - baseline_value_left * scale - control_difference
            when aggregation = 'ratio'
                then
                    current_rest_numerator / nullif(current_rest_denominator, 0)
                    - baseline_rest_numerator / nullif(baseline_rest_denominator, 0) * scale
                    - control_difference
        end as judged_difference,
        case
            when not is_controlled then variance_by_chance
            when segment_by <> 'all' or aggregation <> 'ratio' then variance_by_chance + control_variance
            else {{ variance_by_chance('testing_method', 'baseline_rest', 'current_rest') }} + control_variance
        end as judged_variance
    from with_controls
),

-- The total as it would be had each segment kept its share of the baseline. A single segment has no mix: it is the total.
same_mixes as (
    select
        pair_id,
        kpi_id,
        segment_by,
        good,
        testing_method,
        usual_change_scale,
        bool_or(is_tested) as is_tested,
        {{ sum_in_order('baseline_denominator * difference', 'segment') }}
        / {{ sum_in_order('baseline_denominator', 'segment') }} as difference,
        {{ sum_in_order('baseline_denominator * baseline_denominator * variance_by_chance', 'segment') }}
        / {{ sum_in_order('baseline_denominator', 'segment') }}
        / {{ sum_in_order('baseline_denominator', 'segment') }} as variance_by_chance
    from differences
    where
        segment_by <> 'all'
        and aggregation = 'ratio'
        and control_segment is null
        and difference is not null
        and variance_by_chance is not null
        and baseline_denominator > 0
        and current_denominator > 0
    group by pair_id, kpi_id, segment_by, good, testing_method, usual_change_scale
    having count(*) > 1
),

every_difference as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        good,
        testing_method,
        usual_change_scale,
        -- A segment of another dimension is in part the control.
        is_tested and not (is_controlled and segment_by not in ('all', control_by)) as is_tested,
        has_enough_records,
        judged_difference as difference,
        judged_variance as variance_by_chance,
        coalesce(baseline_value * scale * weekday_effect, week_end_effect, 0.0) as weekday_change,
        is_controlled,
        case when is_controlled then control_difference end as control_difference,
        case
            when is_controlled then {{ normal_p_value_of('judged_difference', 'judged_variance') }}
            else p_value_records
        end as p_value_records,
        case when is_controlled then judged_difference - {{ z_quantile() }} * sqrt(judged_variance) else records_low end as records_low,
        case when is_controlled then judged_difference + {{ z_quantile() }} * sqrt(judged_variance) else records_high end as records_high
    from against_controls
    union all
    select
        pair_id,
        kpi_id,
        segment_by,
        cast(null as {{ dbt.type_string() }}) as segment,
        good,
        testing_method,
        usual_change_scale,
        is_tested,
        true as has_enough_records,
        difference,
        variance_by_chance,
        0.0 as weekday_change,
        false as is_controlled,
        cast(null as double) as control_difference,
        {{ normal_p_value_of('difference', 'variance_by_chance') }} as p_value_records,
        difference - {{ z_quantile() }} * sqrt(variance_by_chance) as records_low,
        difference + {{ z_quantile() }} * sqrt(variance_by_chance) as records_high
    from same_mixes
),

with_usual_changes as (
    select
        every_difference.*,
        coalesce(usual_changes.earlier_comparisons, 0) as earlier_comparisons,
        sqrt(usual_changes.mean_square) * every_difference.usual_change_scale as usual_change,
        usual_changes.is_moving_already,
        case when every_difference.is_controlled then 2.0 else 1.0 end as difference_limit,
        case
            when usual_changes.earlier_comparisons >= 3 then 'usual changes'
            when usual_changes.blocks is not null then 'swings within the periods'
            else 'too few weeks'
        end as evidence_basis,
        case
            when usual_changes.earlier_comparisons >= 3 then usual_changes.mean_square
            else usual_changes.block_variance
        end * every_difference.usual_change_scale * every_difference.usual_change_scale
        + every_difference.weekday_change * every_difference.weekday_change as observed_variance,
        case
            when usual_changes.earlier_comparisons >= 3
                then usual_changes.mean_variance * every_difference.usual_change_scale * every_difference.usual_change_scale
            else every_difference.variance_by_chance
        end as expected_variance,
        case
            when usual_changes.earlier_comparisons >= 3
                then
                    2 * cast(usual_changes.earlier_comparisons as double) * usual_changes.earlier_comparisons
                    / (3 * usual_changes.earlier_comparisons - 1)
            else usual_changes.blocks - 2
        end as swing_degrees
    from every_difference
    left join usual_changes
        on
            every_difference.pair_id = usual_changes.pair_id
            and every_difference.kpi_id = usual_changes.kpi_id
            and every_difference.segment_by = usual_changes.segment_by
            and every_difference.segment is not distinct from usual_changes.segment
),

{{ add_swings('with_usual_changes', 'with_swings') }},

-- The families that are judged together: the totals of a comparison; its totals of the same mix; the segments of a KPI.
differences_of_families as (
    select
        with_swings.*,
        case
            when with_swings.segment is not null and with_swings.segment_by <> 'all'
                then with_swings.pair_id || ': ' || with_swings.kpi_id || ' by ' || with_swings.segment_by
            else with_swings.pair_id || case when with_swings.segment_by = 'all' then '' else ': same mix by ' || with_swings.segment_by end
        end as family
    from with_swings
),

testable_differences as (
    select
        *,
        case when is_tested and evidence_basis <> 'too few weeks' then p_value end as shown_p_value,
        case when is_tested and has_enough_records and evidence_basis <> 'too few weeks' then p_value end as tested_p_value,
        case when is_tested and has_enough_records then p_value_records end as tested_p_value_records,
        case when is_tested then p_value_records end as shown_p_value_records
    from differences_of_families
),

differences_by_records as (
    {{ adjust_p_values('testable_differences', family=['family'], key=['pair_id', 'kpi_id', 'segment'], p_value='tested_p_value_records') }}
),

adjusted_differences as (
    {{ adjust_p_values('differences_by_records', family=['family'], key=['pair_id', 'kpi_id', 'segment'], p_value='tested_p_value') }}
),

-- Who asks about many dates finds something by chance, so the totals of all evaluations are judged together as well, and those of the
-- scorecard of a year: it asks for a month twelve times.
questions as (
    select
        testable_differences.pair_id,
        testable_differences.kpi_id,
        testable_differences.segment_by,
        testable_differences.segment,
        testable_differences.tested_p_value,
        testable_differences.tested_p_value_records,
        case when pairs.comparison = 'evaluation' then 'evaluations' else 'scorecard' end
        || case when testable_differences.segment_by = 'all' then '' else ': same mix by ' || testable_differences.segment_by end as family,
        case
            when pairs.current_grain = 'month' then 12
            when pairs.current_grain in ('quarter', 'fiscal_quarter') then 4
            else 1
        end as times
    from testable_differences
    inner join pairs on testable_differences.pair_id = pairs.pair_id
    where testable_differences.segment is null or testable_differences.segment_by = 'all'
),

questions_by_records as (
    {{ adjust_p_values('questions', ['family'], ['pair_id', 'kpi_id', 'segment_by'], p_value='tested_p_value_records', times='times') }}
),

adjusted_questions as (
    {{ adjust_p_values('questions_by_records', ['family'], ['pair_id', 'kpi_id', 'segment_by'], p_value='tested_p_value', times='times') }}
),

counted_differences as (
    select
        adjusted_differences.*,
        -- greatest takes no notice of NULL.
        greatest(adjusted_differences.tested_p_value_adjusted, adjusted_questions.tested_p_value_adjusted) as counted_p_value,
        greatest(
            adjusted_differences.tested_p_value_records_adjusted, adjusted_questions.tested_p_value_records_adjusted
        ) as counted_p_value_records
    from adjusted_differences
    left join adjusted_questions
        on
            adjusted_differences.pair_id = adjusted_questions.pair_id
            and adjusted_differences.kpi_id = adjusted_questions.kpi_id
            and adjusted_differences.segment_by = adjusted_questions.segment_by
            and adjusted_differences.segment is not distinct from adjusted_questions.segment
),

-- A segment is judged within its KPI: it has not changed more surely than the total, as it is or with the mix of before.
gates as (
    select
        *,
        case
            when segment_by <> 'all'
                then max(case when segment is null then difference end) over (partition by pair_id, kpi_id, segment_by)
        end as same_mix_difference,
        max(case when segment_by = 'all' then difference end) over (partition by pair_id, kpi_id) as total_difference,
        {% for p_value in ['counted_p_value', 'counted_p_value_records'] %}
        case
            when segment_by = 'all' then 0.0
            else least(
                coalesce(max(case when segment_by = 'all' then {{ p_value }} end) over (partition by pair_id, kpi_id), 1.0),
                coalesce(max(case when segment is null then {{ p_value }} end) over (partition by pair_id, kpi_id, segment_by), 1.0)
            )
        end as {{ p_value }}_gate{{ ',' if not loop.last }}
        {% endfor %}
    from counted_differences
),

judged_differences as (
    select
        *,
        {% for p_value, name in [('counted_p_value', 'p_value_adjusted'), ('counted_p_value_records', 'p_value_records_adjusted')] %}
        case when {{ p_value }} is not null then greatest({{ p_value }}, {{ p_value }}_gate) end as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from gates
),

with_verdicts as (
    select
        *,
        {{ verdict() }} as verdict
    from judged_differences
)

select
    pairs.comparison,
    pairs.evaluation_name,
    case when with_verdicts.is_controlled then pairs.control_segment end as control_segment,
    pairs.baseline_snapshot,
    pairs.baseline_period,
    pairs.current_grain,
    pairs.current_period,
    pairs.current_start,
    pairs.current_end,
    pairs.calendar_overlap,
    with_verdicts.kpi_id,
    with_verdicts.segment_by,
    with_verdicts.segment,
    sides.baseline_value,
    sides.baseline_interval_low,
    sides.baseline_interval_high,
    sides.baseline_sample_size,
    sides.current_value,
    sides.current_interval_low,
    sides.current_interval_high,
    sides.current_sample_size,
    with_verdicts.difference,
    with_verdicts.difference_low,
    with_verdicts.difference_high,
    with_verdicts.difference / nullif(abs(sides.baseline_value * sides.scale), 0) as relative_change,
    with_verdicts.control_difference,
    with_verdicts.same_mix_difference,
    with_verdicts.total_difference - with_verdicts.same_mix_difference as mix_effect,
    with_verdicts.shown_p_value as p_value,
    with_verdicts.p_value_adjusted,
    with_verdicts.shown_p_value_records as p_value_records,
    with_verdicts.usual_change,
    with_verdicts.earlier_comparisons,
    with_verdicts.degrees_of_freedom,
    case when with_verdicts.is_tested then with_verdicts.evidence_basis end as evidence_basis,
    with_verdicts.verdict
from with_verdicts
inner join pairs on with_verdicts.pair_id = pairs.pair_id
left join sides
    on
        with_verdicts.pair_id = sides.pair_id
        and with_verdicts.kpi_id = sides.kpi_id
        and with_verdicts.segment_by = sides.segment_by
        and with_verdicts.segment = sides.segment
