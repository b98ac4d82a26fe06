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

every_value as (
    select
        cast(null as {{ dbt.type_string() }}) as source_snapshot,
        kpi_id,
        segment_by,
        segment,
        period_grain,
        period_start,
        numerator,
        denominator,
        sample_size,
        kpi_value,
        standard_error
    from kpi_values
    union all
    select
        snapshot_name as source_snapshot,
        kpi_id,
        segment_by,
        segment,
        period_grain,
        period_start,
        numerator,
        denominator,
        sample_size,
        kpi_value,
        standard_error
    from snapshot_values
),

-- A number is joined and grouped faster than three names.
kpi_segments as (
    select
        every_value.kpi_id,
        every_value.segment_by,
        every_value.segment,
        catalogue.usual_change_from,
        catalogue.aggregation,
        catalogue.is_per_day,
        catalogue.testing_method,
        row_number() over (order by every_value.kpi_id, every_value.segment_by, every_value.segment) as kpi_segment_id
    from every_value
    inner join catalogue on every_value.kpi_id = catalogue.kpi_id
    group by
        every_value.kpi_id,
        every_value.segment_by,
        every_value.segment,
        catalogue.usual_change_from,
        catalogue.aggregation,
        catalogue.is_per_day,
        catalogue.testing_method
),

-- Sums over the weeks of a window, of which one divided by the other is the value: of a total per day, of a median weighted by the number
-- of values behind it.
addends as (
    select
        kpi_segments.kpi_segment_id,
        kpi_segments.usual_change_from,
        kpi_segments.is_per_day,
        kpi_segments.aggregation = 'total' and kpi_segments.is_per_day as is_total_per_day,
        every_value.source_snapshot,
        every_value.period_grain,
        every_value.period_start,
        case
            when kpi_segments.aggregation = 'median' then every_value.kpi_value * every_value.sample_size
            when kpi_segments.aggregation = 'total' then every_value.kpi_value
            else every_value.numerator
        end as numerator,
        case
            when kpi_segments.aggregation = 'median' then cast(every_value.sample_size as double)
            when kpi_segments.aggregation = 'total' then 1.0
            else every_value.denominator
        end as denominator,
        case when kpi_segments.testing_method = 'mean' then {{ squares_of_mean('every_value') }} end as squares
    from every_value
    inner join kpi_segments
        on
            every_value.kpi_id = kpi_segments.kpi_id
            and every_value.segment_by = kpi_segments.segment_by
            and every_value.segment = kpi_segments.segment
),

series as {{ computed_once() }} (
    select
        windows.pair_id,
        addends.kpi_segment_id,
        windows.shift,
        windows.side,
        windows.place,
        windows.opens_at,
        windows.blocks,
        windows.side_block,
        windows.common_block,
        windows.week_time,
        case when addends.is_total_per_day then windows.side_days end as side_days,
        case when addends.is_total_per_day then windows.side_block_days end as side_block_days,
        addends.numerator,
        case when addends.is_per_day then addends.denominator * windows.day_count else addends.denominator end as denominator,
        addends.squares
    from windows
    inner join addends
        on
            windows.usual_change_from = addends.usual_change_from
            and windows.period_grain = addends.period_grain
            and windows.period_start = addends.period_start
            and windows.source_snapshot is not distinct from addends.source_snapshot
),

-- The same comparison, made earlier.
earlier_sums as {{ computed_once() }} (
    select
        pair_id,
        kpi_segment_id,
        shift,
        min(opens_at) as opens_at,
        min(place) as first_place,
        {% for side in ['baseline', 'current'] %}
        {{ exact_sum('numerator', "side = '" ~ side ~ "'") }} as {{ side }}_numerator,
        coalesce(
            cast(max(side_days) filter (where side = '{{ side }}') as double),
            {{ exact_sum('denominator', "side = '" ~ side ~ "'") }}
        ) as {{ side }}_denominator,
        {{ exact_sum('squares', "side = '" ~ side ~ "'") }} as {{ side }}_squares{{ ',' if not loop.last }}
        {% endfor %}
    from series
    where shift > 0
    group by pair_id, kpi_segment_id, shift
),

with_first_places as (
    select
        earlier_sums.*,
        kpi_segments.kpi_id,
        kpi_segments.segment_by,
        kpi_segments.segment,
        kpi_segments.aggregation,
        kpi_segments.testing_method,
        min(earlier_sums.first_place) over (partition by earlier_sums.pair_id, earlier_sums.kpi_segment_id) as series_from
    from earlier_sums
    inner join kpi_segments on earlier_sums.kpi_segment_id = kpi_segments.kpi_segment_id
),

-- A window that begins before the series has not seen all of it.
whole_sums as (
    select * from with_first_places
    where opens_at >= series_from
),

-- With a control, the total is what is left without it.
controls as (
    select with_first_places.*
    from with_first_places
    inner join pairs
        on
            with_first_places.pair_id = pairs.pair_id
            and with_first_places.segment_by = pairs.control_by
            and with_first_places.segment = pairs.control_member
),

treated as (
    select
        sums.pair_id,
        sums.kpi_id,
        sums.kpi_segment_id,
        sums.segment_by,
        sums.segment,
        sums.aggregation,
        sums.testing_method,
        sums.shift,
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
    from whole_sums as sums
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
),

earlier_changes as {{ computed_once() }} (
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
        {{ exact_sum('baseline_denominator * change') }}
        / {{ exact_sum('baseline_denominator') }} as change,
        {{ exact_sum('baseline_denominator * baseline_denominator * variance') }}
        / {{ exact_sum('baseline_denominator') }}
        / {{ exact_sum('baseline_denominator') }} as variance
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
earlier as {{ computed_once() }} (
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
        pairs.pair_id,
        kpi_segments.kpi_id
    from pairs
    inner join kpi_segments on pairs.control_by = kpi_segments.segment_by and pairs.control_member = kpi_segments.segment
    inner join series on pairs.pair_id = series.pair_id and kpi_segments.kpi_segment_id = series.kpi_segment_id
),

-- Where they are too few: the weeks within the two periods. Not where a control tells what is usual.
within_rows as {{ computed_once() }} (
    select
        series.*,
        kpi_segments.kpi_id,
        kpi_segments.segment_by,
        kpi_segments.segment
    from series
    inner join kpi_segments on series.kpi_segment_id = kpi_segments.kpi_segment_id
    where
        series.shift = 0
        and not exists (
            select 1
            from controlled
            where series.pair_id = controlled.pair_id and kpi_segments.kpi_id = controlled.kpi_id
        )
        and not exists (
            select 1
            from earlier
            where
                earlier.earlier_comparisons >= 3
                and series.pair_id = earlier.pair_id
                and kpi_segments.kpi_id = earlier.kpi_id
                and kpi_segments.segment_by = earlier.segment_by
                and kpi_segments.segment = earlier.segment
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
