-- sqlfluff takes the lines of a loop over columns for wrongly indented.
-- noqa: disable=layout.indent
with

pairs as (
    select
        pair_id,
        split_part(control_segment, '=', 1) as control_by,
        substr(control_segment, length(split_part(control_segment, '=', 1)) + 2) as control_member
    from {{ ref('period_pairs') }}
),

windows as (
    select * from {{ ref('comparison_windows') }}
),

catalogue as (
    select
        kpi_id,
        usual_change_from,
        aggregation,
        length_effect = 'proportional' as is_per_day,
        {{ testing_method() }} as testing_method
    from {{ ref('kpi_catalogue') }}
    where good <> 'none' and not_tested_because is null
),

-- A ratio without a value may still have costs, for instance, in weeks without a new customer: its sums count them.
kpi_values as (
    select * from {{ ref('kpi_values') }}
    where is_complete and coverage = 'full'
),

snapshot_values as (
    select * from {{ source('snapshots', 'kpi_values') }}
    where is_complete and coalesce(is_comparable, true)
),

matched as (
    select
        windows.*,
        kpi_values.kpi_id,
        kpi_values.segment_by,
        kpi_values.segment,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.sample_size,
        kpi_values.kpi_value,
        kpi_values.standard_error
    from windows
    inner join kpi_values
        on
            windows.period_grain = kpi_values.period_grain
            and windows.period_start = kpi_values.period_start
    where windows.source_snapshot is null
    union all
    select
        windows.*,
        snapshot_values.kpi_id,
        snapshot_values.segment_by,
        snapshot_values.segment,
        snapshot_values.numerator,
        snapshot_values.denominator,
        snapshot_values.sample_size,
        snapshot_values.kpi_value,
        snapshot_values.standard_error
    from windows
    inner join snapshot_values
        on
            windows.source_snapshot = snapshot_values.snapshot_name
            and windows.period_grain = snapshot_values.period_grain
            and windows.period_start = snapshot_values.period_start
),

-- Sums over the weeks of a window, of which one divided by the other is the value: of a total per day, of a median weighted by the number
-- of values behind it.
series as (
    select
        matched.pair_id,
        matched.kpi_id,
        matched.segment_by,
        matched.segment,
        matched.shift,
        matched.side,
        matched.place,
        matched.opens_at,
        matched.blocks,
        matched.side_block,
        matched.common_block,
        matched.week_time,
        matched.side_block_days,
        catalogue.aggregation,
        catalogue.testing_method,
        case
            when catalogue.aggregation = 'total' and catalogue.is_per_day then matched.side_days
        end as side_days,
        case
            when catalogue.aggregation = 'median' then matched.kpi_value * matched.sample_size
            when catalogue.aggregation = 'total' then matched.kpi_value
            else matched.numerator
        end as numerator,
        case
            when catalogue.aggregation = 'median' then cast(matched.sample_size as double)
            when catalogue.aggregation = 'total' then case when catalogue.is_per_day then cast(matched.day_count as double) else 1.0 end
            when catalogue.is_per_day then matched.denominator * matched.day_count
            else matched.denominator
        end as denominator,
        case when catalogue.testing_method = 'mean' then {{ squares_of_mean('matched') }} end as squares
    from matched
    inner join catalogue
        on matched.kpi_id = catalogue.kpi_id and matched.usual_change_from = catalogue.usual_change_from
),

-- The same comparison, made earlier.
earlier_sums as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        aggregation,
        testing_method,
        shift,
        min(opens_at) as opens_at,
        min(place) as first_place,
        {% for side in ['baseline', 'current'] %}
        {{ sum_in_order('numerator', 'place', "side = '" ~ side ~ "'") }} as {{ side }}_numerator,
        coalesce(
            cast(max(side_days) filter (where side = '{{ side }}') as double),
            {{ sum_in_order('denominator', 'place', "side = '" ~ side ~ "'") }}
        ) as {{ side }}_denominator,
        {{ sum_in_order('squares', 'place', "side = '" ~ side ~ "'") }} as {{ side }}_squares{{ ',' if not loop.last }}
        {% endfor %}
    from series
    where shift > 0
    group by pair_id, kpi_id, segment_by, segment, aggregation, testing_method, shift
),

with_first_places as (
    select
        *,
        min(first_place) over (partition by pair_id, kpi_id, segment_by, segment) as series_from
    from earlier_sums
),

-- With a control, the total is what is left without it.
controls as (
    select earlier_sums.*
    from earlier_sums
    inner join pairs
        on
            earlier_sums.pair_id = pairs.pair_id
            and earlier_sums.segment_by = pairs.control_by
            and earlier_sums.segment = pairs.control_member
),

treated as (
    select
        sums.pair_id,
        sums.kpi_id,
        sums.segment_by,
        sums.segment,
        sums.aggregation,
        sums.testing_method,
        sums.shift,
        sums.opens_at,
        sums.series_from,
        controls.pair_id is not null as is_controlled,
        {% for side in ['baseline', 'current'] %}
        {% for column in ['numerator', 'denominator', 'squares'] %}
        controls.{{ side }}_{{ column }} as {{ side }}_control_{{ column }},
        sums.{{ side }}_{{ column }}
        {% set taken_off = "'total', 'ratio'" if column == 'numerator' else "'ratio'" %}
        - case
            when sums.segment_by = 'all' and sums.aggregation in ({{ taken_off }})
                then coalesce(controls.{{ side }}_{{ column }}, 0.0)
            else 0.0
        end as {{ side }}_{{ column }}{{ ',' if not loop.last }}
        {% endfor %}{{ ',' if not loop.last }}
        {% endfor %}
    from with_first_places as sums
    left join controls
        on
            sums.pair_id = controls.pair_id
            and sums.kpi_id = controls.kpi_id
            and sums.shift = controls.shift
            and not (sums.segment_by = controls.segment_by and sums.segment = controls.segment)
            -- A median without a part of its records is not known.
            and not (sums.segment_by = 'all' and sums.aggregation = 'median')
),

with_changes as (
    select
        *,
        current_numerator / nullif(current_denominator, 0) - baseline_numerator / nullif(baseline_denominator, 0) as own_change,
        current_control_numerator / nullif(current_control_denominator, 0)
        - baseline_control_numerator / nullif(baseline_control_denominator, 0) as control_change,
        {{ variance_by_chance('testing_method', 'baseline', 'current') }} as own_variance,
        {{ variance_by_chance('testing_method', 'baseline_control', 'current_control') }} as control_variance
    from treated
    -- A window that begins before the series has not seen all of it.
    where opens_at >= series_from
),

earlier_changes as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        aggregation,
        shift,
        baseline_denominator,
        case when is_controlled then own_change - control_change else own_change end as change,
        case when is_controlled then own_variance + control_variance else own_variance end as variance
    from with_changes
    where baseline_denominator > 0 and current_denominator > 0
),

-- What the total would have done had each segment kept its share of the baseline.
same_mix_changes as (
    select
        pair_id,
        kpi_id,
        segment_by,
        shift,
        {{ sum_in_order('baseline_denominator * change', 'segment') }}
        / {{ sum_in_order('baseline_denominator', 'segment') }} as change,
        {{ sum_in_order('baseline_denominator * baseline_denominator * variance', 'segment') }}
        / {{ sum_in_order('baseline_denominator', 'segment') }}
        / {{ sum_in_order('baseline_denominator', 'segment') }} as variance
    from earlier_changes
    where segment_by <> 'all' and aggregation = 'ratio' and change is not null and variance is not null
    group by pair_id, kpi_id, segment_by, shift
),

every_change as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        shift,
        change,
        variance
    from earlier_changes
    union all
    select
        pair_id,
        kpi_id,
        segment_by,
        cast(null as {{ dbt.type_string() }}) as segment,
        shift,
        change,
        variance
    from same_mix_changes
),

-- Not centred: a steady drift is a usual change, too.
earlier as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        count(*) as earlier_comparisons,
        {{ sum_in_order('change * change', 'shift') }} / count(*) as mean_square,
        {{ sum_in_order('variance', 'shift') }} / nullif(count(variance), 0) as mean_variance
    from every_change
    where change is not null
    group by pair_id, kpi_id, segment_by, segment
),

controlled as (
    select distinct
        series.pair_id,
        series.kpi_id
    from series
    inner join pairs
        on
            series.pair_id = pairs.pair_id
            and series.segment_by = pairs.control_by
            and series.segment = pairs.control_member
),

-- Where they are too few: the weeks within the two periods. Not where a control tells what is usual.
within_rows as (
    select series.*
    from series
    where
        series.shift = 0
        and not exists (
            select 1
            from controlled
            where series.pair_id = controlled.pair_id and series.kpi_id = controlled.kpi_id
        )
        and not exists (
            select 1
            from earlier
            where
                earlier.earlier_comparisons >= 3
                and series.pair_id = earlier.pair_id
                and series.kpi_id = earlier.kpi_id
                and series.segment_by = earlier.segment_by
                and series.segment = earlier.segment
        )
),

block_sums as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        side,
        blocks,
        side_block,
        {{ sum_in_order('numerator', 'place') }} as numerator,
        coalesce(
            cast(max(case when side_days is not null then side_block_days end) as double),
            {{ sum_in_order('denominator', 'place') }}
        ) as denominator
    from within_rows
    group by pair_id, kpi_id, segment_by, segment, side, blocks, side_block
),

filled_blocks as (
    select
        *,
        cast(count(*) over of_side as double) as side_blocks,
        sum(numerator) over of_side as side_numerator,
        sum(denominator) over of_side as side_denominator
    from block_sums
    where denominator > 0 and numerator is not null
    window of_side as (
        partition by pair_id, kpi_id, segment_by, segment, side
        order by side_block
        rows between unbounded preceding and unbounded following
    )
),

side_variances as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        side,
        min(side_blocks) as blocks,
        {{ sum_in_order('power((numerator - denominator * side_numerator / side_denominator) / side_denominator, 2)', 'side_block') }}
        * min(side_blocks) / (min(side_blocks) - 1) as block_variance
    from filled_blocks
    where side_blocks >= 3
    group by pair_id, kpi_id, segment_by, segment, side
),

within_variances as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        sum(blocks) as blocks,
        sum(block_variance) as block_variance
    from side_variances
    group by pair_id, kpi_id, segment_by, segment
    having count(*) = 2
),

-- Least squares of the weekly values on 1, time and step, weighted by what they rest on: sums by block, then over all blocks.
step_sums as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        blocks,
        common_block,
        {{ sum_in_order('denominator', 'place') }} as n,
        {{ sum_in_order('denominator * week_time', 'place') }} as nt,
        {{ sum_in_order('denominator * week_time * week_time', 'place') }} as ntt,
        coalesce({{ sum_in_order('denominator', 'place', "side = 'current'") }}, 0.0) as ns,
        coalesce({{ sum_in_order('denominator * week_time', 'place', "side = 'current'") }}, 0.0) as nts,
        {{ sum_in_order('numerator', 'place') }} as y,
        {{ sum_in_order('numerator * week_time', 'place') }} as yt,
        coalesce({{ sum_in_order('numerator', 'place', "side = 'current'") }}, 0.0) as ys
    from within_rows
    where denominator > 0 and numerator is not null
    group by pair_id, kpi_id, segment_by, segment, blocks, common_block
),

regression_sums as (
    select
        *,
        {% for column in ['n', 'nt', 'ntt', 'ns', 'nts', 'y', 'yt', 'ys'] %}
        sum({{ column }}) over of_series as all_{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from step_sums
    window of_series as (
        partition by pair_id, kpi_id, segment_by, segment
        order by common_block
        rows between unbounded preceding and unbounded following
    )
),

-- The inverse of the symmetric matrix of (n, nt, ns / nt, ntt, nts / ns, nts, ns), times its determinant.
inverses as (
    select
        *,
        all_ntt * all_ns - all_nts * all_nts as i11,
        all_ns * all_nts - all_nt * all_ns as i12,
        all_nt * all_nts - all_ns * all_ntt as i13,
        all_n * all_ns - all_ns * all_ns as i22,
        all_nt * all_ns - all_n * all_nts as i23,
        all_n * all_ntt - all_nt * all_nt as i33,
        nullif(
            all_n * (all_ntt * all_ns - all_nts * all_nts)
            + all_nt * (all_ns * all_nts - all_nt * all_ns)
            + all_ns * (all_nt * all_nts - all_ns * all_ntt),
            0
        ) as determinant
    from regression_sums
),

coefficients as (
    select
        *,
        (i11 * all_y + i12 * all_yt + i13 * all_ys) / determinant as constant,
        (i12 * all_y + i22 * all_yt + i23 * all_ys) / determinant as slope,
        (i13 * all_y + i23 * all_yt + i33 * all_ys) / determinant as step
    from inverses
),

scores as (
    select
        *,
        y - constant * n - slope * nt - step * ns as score_1,
        yt - constant * nt - slope * ntt - step * nts as score_t,
        ys - constant * ns - slope * nts - step * ns as score_s
    from coefficients
),

-- Their covariance, a cluster being a block.
regressions as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        2 * blocks - 3 as degrees,
        abs(min(slope))
        / nullif(sqrt({{ sum_in_order('power((i12 * score_1 + i22 * score_t + i23 * score_s) / determinant, 2)', 'common_block') }}), 0)
        / sqrt(2.0 * blocks / (2 * blocks - 3)) as slope_t,
        abs(min(step))
        / nullif(sqrt({{ sum_in_order('power((i13 * score_1 + i23 * score_t + i33 * score_s) / determinant, 2)', 'common_block') }}), 0)
        / sqrt(2.0 * blocks / (2 * blocks - 3)) as step_t
    from scores
    group by pair_id, kpi_id, segment_by, segment, blocks
),

{{ add_student_p_values(
    'regressions', 'tested_regressions', {'slope_p': ['slope_t', 'degrees'], 'step_p': ['step_t', 'degrees']}
) }},

keys as (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment
    from earlier
    union
    select
        pair_id,
        kpi_id,
        segment_by,
        segment
    from within_variances
)

select
    keys.pair_id,
    keys.kpi_id,
    keys.segment_by,
    keys.segment,
    coalesce(earlier.earlier_comparisons, 0) as earlier_comparisons,
    earlier.mean_square,
    earlier.mean_variance,
    within_variances.blocks,
    within_variances.block_variance,
    coalesce(tested_regressions.slope_p < 0.05 and tested_regressions.step_p > 0.05, false) as is_moving_already
from keys
left join earlier
    on
        keys.pair_id = earlier.pair_id
        and keys.kpi_id = earlier.kpi_id
        and keys.segment_by = earlier.segment_by
        and keys.segment is not distinct from earlier.segment
left join within_variances
    on
        keys.pair_id = within_variances.pair_id
        and keys.kpi_id = within_variances.kpi_id
        and keys.segment_by = within_variances.segment_by
        and keys.segment = within_variances.segment
left join tested_regressions
    on
        keys.pair_id = tested_regressions.pair_id
        and keys.kpi_id = tested_regressions.kpi_id
        and keys.segment_by = tested_regressions.segment_by
        and keys.segment = tested_regressions.segment
