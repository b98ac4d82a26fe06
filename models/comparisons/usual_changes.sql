-- The rule of indents takes the lines of a loop over columns for wrongly indented.
-- noqa: disable=layout.indent
with

pairs as (
    select
        pair_id,
        control_by,
        control_member
    from {{ ref('period_pairs') }}
),

-- The weeks of the two periods themselves.
windows as (
    select * from {{ ref('comparison_windows') }}
    where shift = 0
),

earlier_changes as (
    select * from {{ ref('earlier_changes') }}
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
    from earlier_changes
    group by pair_id, kpi_id, segment_by, segment
),

pair_counts as (
    select count(distinct pair_id) as pair_count
    from windows
),

-- What has enough earlier comparisons in every pair needs no weeks within its periods.
settled_segments as (
    select
        earlier.kpi_id,
        earlier.segment_by,
        earlier.segment
    from earlier
    cross join pair_counts
    where
        earlier.earlier_comparisons >= 3
        and exists (
            select 1
            from windows
            where earlier.pair_id = windows.pair_id
        )
    group by earlier.kpi_id, earlier.segment_by, earlier.segment, pair_counts.pair_count
    having count(*) = pair_counts.pair_count
),

{{ add_addends(without='settled_segments') }},

series as (
    select
        pair_id,
        kpi_segment_id,
        side,
        place,
        blocks,
        side_block,
        common_block,
        week_time,
        case when is_total_per_day then side_block_days end as side_block_days,
        numerator,
        case when is_per_day then denominator * day_count else denominator end as denominator
    from window_addends
),

kpis_with_control as (
    select
        pairs.pair_id,
        earlier_changes.kpi_id
    from pairs
    inner join earlier_changes
        on
            pairs.pair_id = earlier_changes.pair_id
            and pairs.control_by = earlier_changes.segment_by
            and pairs.control_member = earlier_changes.segment
    union
    select
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
        not exists (
            select 1
            from kpis_with_control
            where series.pair_id = kpis_with_control.pair_id and kpi_segments.kpi_id = kpis_with_control.kpi_id
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
        -- Of a total per day the days of the block, with those without a record.
        coalesce(cast(side_block_days as double), {{ sum_in_order('denominator', 'place') }}) as denominator
    from within_rows
    group by pair_id, kpi_id, segment_by, segment, side, blocks, side_block, side_block_days
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
        side_blocks as blocks,
        {{ sum_in_order('power((numerator - denominator * side_numerator / side_denominator) / side_denominator, 2)', 'side_block') }}
        * side_blocks / (side_blocks - 1) as block_variance
    from filled_blocks
    where side_blocks >= 3
    group by pair_id, kpi_id, segment_by, segment, side, side_blocks
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
        abs(slope)
        / nullif(sqrt({{ sum_in_order('power((i12 * score_1 + i22 * score_t + i23 * score_s) / determinant, 2)', 'common_block') }}), 0)
        / sqrt(2.0 * blocks / (2 * blocks - 3)) as slope_t,
        abs(step)
        / nullif(sqrt({{ sum_in_order('power((i13 * score_1 + i23 * score_t + i33 * score_s) / determinant, 2)', 'common_block') }}), 0)
        / sqrt(2.0 * blocks / (2 * blocks - 3)) as step_t
    from scores
    group by pair_id, kpi_id, segment_by, segment, blocks, slope, step
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
