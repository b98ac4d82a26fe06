with

catalogue as (
    select
        kpi_id,
        good,
        unit,
        interval_method,
        dated_by,
        usual_change_from,
        compared_across,
        numerator as numerator_measure,
        {{ testing_method() }} as testing_method
    from {{ ref('kpi_catalogue') }}
    where good <> 'none' and not_tested_because is null and {{ testing_method() }} <> 'plain'
),

kpi_values as (
    select * from {{ ref('kpi_values') }}
    where is_comparable and period_grain in ('quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

week_values as (
    select * from {{ ref('kpi_values') }}
    where is_comparable and period_grain = 'week'
),

periods as (
    select * from {{ ref('periods') }}
),

-- The last complete year, fiscal or not; before the first is over the last quarter. A month has too few weeks to tell how much they differ.
latest_periods as (
    select
        period_grain,
        period_name,
        period_start,
        period_end,
        cast({{ days_between('period_start', 'period_end') }} + 1 as double) as day_count,
        row_number() over (
            order by case when period_grain in ('year', 'fiscal_year') then 1 else 2 end asc, period_end desc, period_grain asc
        ) as place
    from periods
    where is_complete and period_grain in ('quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

testable_values as (
    select
        kpi_values.kpi_id,
        kpi_values.period_name,
        kpi_values.segment_by,
        kpi_values.segment,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.sample_size,
        kpi_values.kpi_value,
        kpi_values.interval_low,
        kpi_values.interval_high,
        kpi_values.standard_error,
        latest_periods.day_count,
        catalogue.good,
        catalogue.unit,
        catalogue.interval_method,
        catalogue.testing_method,
        catalogue.dated_by,
        catalogue.numerator_measure,
        catalogue.usual_change_from,
        position('|' || kpi_values.segment_by || '|' in '|' || catalogue.compared_across || '|') as dimension_place
    from kpi_values
    inner join latest_periods
        on kpi_values.period_grain = latest_periods.period_grain and kpi_values.period_name = latest_periods.period_name
    inner join catalogue on kpi_values.kpi_id = catalogue.kpi_id
    where
        latest_periods.place = 1
        and (
            kpi_values.segment_by = 'all'
            or '|' || catalogue.compared_across || '|' like '%|' || kpi_values.segment_by || '|%'
        )
),

-- What the total is without the segment: counts and sums are subtracted, and so are sums of squares, which follow from the standard error.
-- '(unknown)' holds whoever the export lacks: that it is weak tells nobody what to do.
rests as (
    select
        segments.kpi_id,
        segments.period_name,
        segments.segment_by,
        segments.segment,
        segments.dimension_place,
        segments.numerator as current_numerator,
        segments.denominator as current_denominator,
        segments.sample_size as current_sample_size,
        segments.kpi_value as current_value,
        segments.interval_low as current_interval_low,
        segments.interval_high as current_interval_high,
        segments.standard_error as current_standard_error,
        segments.day_count,
        segments.good,
        segments.unit,
        segments.interval_method,
        segments.testing_method,
        segments.dated_by,
        segments.numerator_measure,
        segments.usual_change_from,
        totals.kpi_value as total_value,
        totals.sample_size as total_sample_size,
        totals.numerator - segments.numerator as baseline_numerator,
        totals.denominator - segments.denominator as baseline_denominator,
        totals.sample_size - segments.sample_size as baseline_sample_size,
        (totals.numerator - segments.numerator) / nullif(totals.denominator - segments.denominator, 0) as baseline_value,
        {{ squares_of_mean('totals') }} - {{ squares_of_mean('segments') }} as rest_squares
    from testable_values as segments
    inner join testable_values as totals on segments.kpi_id = totals.kpi_id
    where segments.segment_by <> 'all' and segments.segment <> '(unknown)' and totals.segment_by = 'all'
),

segments_and_rests as (
    select
        *,
        {{ wilson_low('baseline_numerator', 'baseline_denominator') }} as baseline_interval_low,
        {{ wilson_high('baseline_numerator', 'baseline_denominator') }} as baseline_interval_high,
        {{ mean_standard_error('baseline_numerator', 'rest_squares', 'baseline_denominator') }} as baseline_standard_error,
        1.0 as scale,
        true as may_be_claimed
    from rests
),

{{ test_differences('segments_and_rests', 'tested_segments') }},

-- The weeks that lie in the period as a whole, in blocks: how much the segment and the rest swing from block to block.
weeks as (
    select
        periods.period_start,
        row_number() over (order by periods.period_start) - 1 as position,
        count(*) over () as week_count
    from periods
    inner join latest_periods
        on periods.period_start >= latest_periods.period_start and periods.period_end <= latest_periods.period_end
    where latest_periods.place = 1 and periods.period_grain = 'week' and periods.is_complete
),

week_blocks as (
    select
        period_start,
        cast(floor(position * {{ block_count('week_count') }} / cast(week_count as double)) as bigint) as block
    from weeks
),

block_sums as (
    select
        week_values.kpi_id,
        week_values.segment_by,
        week_values.segment,
        week_blocks.block,
        {{ sum_in_order('week_values.numerator', 'week_values.period_start') }} as numerator,
        {{ sum_in_order('week_values.denominator', 'week_values.period_start') }} as denominator
    from week_values
    inner join week_blocks on week_values.period_start = week_blocks.period_start
    inner join catalogue on week_values.kpi_id = catalogue.kpi_id
    where
        catalogue.usual_change_from = 'weeks'
        and (
            week_values.segment_by = 'all'
            or '|' || catalogue.compared_across || '|' like '%|' || week_values.segment_by || '|%'
        )
    group by week_values.kpi_id, week_values.segment_by, week_values.segment, week_blocks.block
),

-- Both sides of each block: a segment, which may have nothing in it, and the rest.
side_blocks as (
    select
        tested_segments.kpi_id,
        tested_segments.segment_by,
        tested_segments.segment,
        totals.block,
        coalesce(segments.numerator, 0.0) as numerator,
        coalesce(segments.denominator, 0.0) as denominator,
        totals.numerator - coalesce(segments.numerator, 0.0) as rest_numerator,
        totals.denominator - coalesce(segments.denominator, 0.0) as rest_denominator
    from tested_segments
    inner join block_sums as totals on tested_segments.kpi_id = totals.kpi_id
    left join block_sums as segments
        on
            tested_segments.kpi_id = segments.kpi_id
            and tested_segments.segment_by = segments.segment_by
            and tested_segments.segment = segments.segment
            and totals.block = segments.block
    where totals.segment_by = 'all'
),

with_sides as (
    select
        *,
        nullif(sum(denominator) over of_segment, 0) as side_denominator,
        nullif(sum(rest_denominator) over of_segment, 0) as rest_side_denominator,
        sum(numerator) over of_segment as side_numerator,
        sum(rest_numerator) over of_segment as rest_side_numerator
    from side_blocks
    window of_segment as (
        partition by kpi_id, segment_by, segment order by block rows between unbounded preceding and unbounded following
    )
),

-- What both do in a week alike is no difference.
block_residuals as (
    select
        kpi_id,
        segment_by,
        segment,
        block,
        denominator,
        (numerator - denominator * side_numerator / side_denominator) / side_denominator
        - (rest_numerator - rest_denominator * rest_side_numerator / rest_side_denominator) / rest_side_denominator as residual
    from with_sides
),

variances as (
    select
        kpi_id,
        segment_by,
        segment,
        cast(count(*) as double) as blocks,
        {{ sum_in_order('residual * residual', 'block') }} * count(*) / (count(*) - 1.0) as block_variance
    from block_residuals
    where residual is not null
    group by kpi_id, segment_by, segment
    having count(*) filter (where denominator > 0) >= 3
),

-- Where weeks do not add up to the value, as of customers lost of those at the start, chance among the records is all that is known.
with_variances as (
    select
        tested_segments.*,
        coalesce(variances.block_variance, case when tested_segments.usual_change_from <> 'weeks' then 0.0 end) as observed_variance,
        tested_segments.variance_by_chance as expected_variance,
        variances.blocks - 1 as swing_degrees,
        1.0 as difference_limit
    from tested_segments
    left join variances
        on
            tested_segments.kpi_id = variances.kpi_id
            and tested_segments.segment_by = variances.segment_by
            and tested_segments.segment = variances.segment
    where variances.kpi_id is not null or tested_segments.usual_change_from <> 'weeks'
),

{{ add_swings('with_variances', 'with_swings') }},

-- The list is read as one, so all of its tests are judged together.
adjusted_segments as (
    {{ adjust_p_values('with_swings', family=['period_name'], key=['kpi_id', 'segment_by', 'segment']) }}
),

-- Of many segments the worst is worse than it really is: what is said is shrunk by how much the segments of a dimension truly differ, as
-- DerSimonian and Laird (Meta-analysis in clinical trials, 1986) estimate it.
weighted_segments as (
    select
        *,
        1 / nullif(total_variance, 0) as weight
    from adjusted_segments
),

with_means as (
    select
        *,
        sum(weight * difference) over of_dimension / sum(weight) over of_dimension as mean_difference
    from weighted_segments
    window of_dimension as (
        partition by kpi_id, segment_by order by segment rows between unbounded preceding and unbounded following
    )
),

dimensions as (
    select
        kpi_id,
        segment_by,
        greatest(
            (
                {{ sum_in_order('weight * (difference - mean_difference) * (difference - mean_difference)', 'segment') }}
                - (count(weight) - 1)
            )
            / nullif(
                {{ sum_in_order('weight', 'segment') }}
                - {{ sum_in_order('weight * weight', 'segment') }} / {{ sum_in_order('weight', 'segment') }},
                0
            ),
            0.0
        ) as true_variance
    from with_means
    group by kpi_id, segment_by
),

weak_segments as (
    select
        with_means.*,
        with_means.difference * dimensions.true_variance / (dimensions.true_variance + with_means.total_variance) as likely_difference
    from with_means
    inner join dimensions on with_means.kpi_id = dimensions.kpi_id and with_means.segment_by = dimensions.segment_by
    where
        with_means.p_value_adjusted <= 0.05
        and (with_means.difference_low > 0 or with_means.difference_high < 0)
        and (with_means.good = 'up') <> (with_means.difference > 0)
),

-- The same records may be a member of two dimensions, as those without a campaign have no channel: the dimension that the catalogue names
-- first has them.
named_segments as (
    select *
    from weak_segments
    where not exists (
        select 1
        from weak_segments as stronger
        where
            weak_segments.kpi_id = stronger.kpi_id
            and weak_segments.dimension_place > stronger.dimension_place
            and weak_segments.current_numerator = stronger.current_numerator
            and weak_segments.current_denominator = stronger.current_denominator
    )
),

-- By how much the total would improve, as a share of it; a Net Promoter Score, which may be near 0, as a share of 100.
with_effects as (
    select
        *,
        abs(likely_difference) * current_sample_size / total_sample_size as points_of_total,
        abs(likely_difference) * current_sample_size / total_sample_size
        / nullif(case when interval_method = 'nps' then 100.0 else abs(total_value) end, 0) as effect_on_total,
        abs(likely_difference) * current_denominator * case when dated_by = 'end of period' then 1.0 else 365.0 / day_count end as units
    from named_segments
    where likely_difference <> 0
)

select
    kpi_id,
    segment_by,
    segment,
    cast(
        row_number() over (order by effect_on_total desc nulls last, p_value asc, kpi_id asc, segment_by asc, segment asc) as bigint
    ) as rank,
    period_name,
    current_value as segment_value,
    baseline_value as rest_value,
    difference,
    likely_difference,
    p_value,
    p_value_adjusted,
    current_sample_size as sample_size,
    case when unit = 'score' then points_of_total else units end as effect,
    case
        when unit = 'score' then 'points of the total'
        when unit = 'currency' then {{ dbt.string_literal(setting('reporting_currency')) }}
        when unit in ('hours', 'days') then unit
        else replace(numerator_measure, '_', ' ')
    end as effect_unit,
    effect_on_total
from with_effects
