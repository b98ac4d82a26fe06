{#
    Traits: in which segments a thing happens more often than in the others.

    Macros: test_segments, count_by_segment, block_of.
#}

{#
    Tests which segments a thing happens in more often than in all others, such as the sources whose deals stall. Renders CTEs; the last of
    them is the relation with one row per segment and the columns

        segment_by, segment
        case_count, hit_count            of the segment, and how many of them are hits
        hit_share                        the one by the other
        rest_case_count, rest_hit_count  of all other segments of the dimension
        rest_hit_share
        difference                       hit_share less rest_hit_share, with difference_low and difference_high, its 95 % interval
        p_value, p_value_adjusted        two-sided; the second for the number of segments that are tested
        verdict                          more often, less often, no evidence or too few data

        with
        {{ test_segments('deals_by_segment', 'tested') }}
        select segment, verdict from tested

    relation  has segment_by, segment, block, case_count and hit_count. A dimension holds each case once. A block is a group of cases that
              lie together in time: what moves from block to block is no difference between segments, and what swings from block to block
              more than chance would is not evidence.
    name      of the last CTE; those before it begin with it

    The difference of each segment from the rest is tested as kpi_weak_spots does: by test_differences, add_swings and adjust_p_values.
#}
{% macro test_segments(relation, name) -%}
{{ name }}_block_totals as (
    select
        segment_by,
        block,
        sum(case_count) as case_count,
        sum(hit_count) as hit_count
    from {{ relation }}
    group by segment_by, block
),

{{ name }}_segments as (
    select
        segment_by,
        segment,
        sum(case_count) as case_count,
        sum(hit_count) as hit_count
    from {{ relation }}
    group by segment_by, segment
),

{{ name }}_sides as (
    select
        segment_by,
        segment,
        cast(hit_count as double) as current_numerator,
        cast(case_count as double) as current_denominator,
        cast((sum(hit_count) over of_dimension) - hit_count as double) as baseline_numerator,
        cast((sum(case_count) over of_dimension) - case_count as double) as baseline_denominator
    from {{ name }}_segments
    window of_dimension as (partition by segment_by)
),

{{ name }}_compared as (
    select
        *,
        current_numerator / nullif(current_denominator, 0) as current_value,
        baseline_numerator / nullif(baseline_denominator, 0) as baseline_value,
        {{ wilson_low('current_numerator', 'current_denominator') }} as current_interval_low,
        {{ wilson_high('current_numerator', 'current_denominator') }} as current_interval_high,
        {{ wilson_low('baseline_numerator', 'baseline_denominator') }} as baseline_interval_low,
        {{ wilson_high('baseline_numerator', 'baseline_denominator') }} as baseline_interval_high,
        cast(null as double) as current_standard_error,
        cast(null as double) as baseline_standard_error,
        current_denominator as current_sample_size,
        baseline_denominator as baseline_sample_size,
        'proportion' as testing_method,
        'down' as good,
        1.0 as scale,
        true as may_be_claimed
    from {{ name }}_sides
),

{{ test_differences(name ~ '_compared', name ~ '_differences') }},

{{ name }}_blocks as (
    select
        sides.segment_by,
        sides.segment,
        totals.block,
        parts.case_count,
        (
            coalesce(parts.hit_count, 0) - coalesce(parts.case_count, 0) * sides.current_numerator / nullif(sides.current_denominator, 0)
        ) / nullif(sides.current_denominator, 0)
        - (
            totals.hit_count - coalesce(parts.hit_count, 0)
            - (totals.case_count - coalesce(parts.case_count, 0)) * sides.baseline_numerator / nullif(sides.baseline_denominator, 0)
        ) / nullif(sides.baseline_denominator, 0) as residual
    from {{ name }}_sides as sides
    inner join {{ name }}_block_totals as totals on sides.segment_by = totals.segment_by
    left join {{ relation }} as parts
        on
            sides.segment_by = parts.segment_by
            and sides.segment = parts.segment
            and totals.block = parts.block
),

{{ name }}_variances as (
    select
        segment_by,
        segment,
        cast(count(*) as double) as blocks,
        {{ sum_in_order('residual * residual', 'block') }} * count(*) / (count(*) - 1.0) as block_variance
    from {{ name }}_blocks
    group by segment_by, segment
    having count(case_count) >= 3
),

{{ name }}_with_variances as (
    select
        differences.*,
        variances.block_variance as observed_variance,
        differences.variance_by_chance as expected_variance,
        variances.blocks - 1 as swing_degrees,
        1.0 as difference_limit
    from {{ name }}_differences as differences
    inner join {{ name }}_variances as variances
        on differences.segment_by = variances.segment_by and differences.segment = variances.segment
),

{{ add_swings(name ~ '_with_variances', name ~ '_swings') }},

{{ name }}_adjusted as (
    {{ adjust_p_values(name ~ '_swings', family=['testing_method'], key=['segment_by', 'segment']) }}
),

{{ name }} as (
    select
        sides.segment_by,
        sides.segment,
        cast(sides.current_denominator as bigint) as case_count,
        cast(sides.current_numerator as bigint) as hit_count,
        sides.current_numerator / nullif(sides.current_denominator, 0) as hit_share,
        cast(sides.baseline_denominator as bigint) as rest_case_count,
        cast(sides.baseline_numerator as bigint) as rest_hit_count,
        sides.baseline_numerator / nullif(sides.baseline_denominator, 0) as rest_hit_share,
        sides.current_numerator / nullif(sides.current_denominator, 0)
        - sides.baseline_numerator / nullif(sides.baseline_denominator, 0) as difference,
        adjusted.difference_low,
        adjusted.difference_high,
        adjusted.p_value,
        adjusted.p_value_adjusted,
        case
            when adjusted.p_value_adjusted is null then 'too few data'
            when adjusted.p_value_adjusted > 0.05 then 'no evidence'
            when adjusted.difference_low > 0 then 'more often'
            when adjusted.difference_high < 0 then 'less often'
            else 'no evidence'
        end as verdict
    from {{ name }}_sides as sides
    left join {{ name }}_adjusted as adjusted
        on sides.segment_by = adjusted.segment_by and sides.segment = adjusted.segment
)
{%- endmacro %}


{#
    Renders a query of segment_by, segment, block, case_count and hit_count, which test_segments reads: the cases of each block by each of
    some segment dimensions.

        {{ count_by_segment('stalled', ['stage', 'owner'], 'is_stalled') }}

    relation   one row a case, with a column for each dimension and with block
    segments   segment dimensions
    hit        a condition: whether the case is a hit
#}
{% macro count_by_segment(relation, segments, hit) -%}
    {%- for dimension in segments %}
    select
        {{ segment_member(dimension) }},
        block,
        count(*) as case_count,
        count(*) filter (where {{ hit }}) as hit_count
    from {{ relation }}
    group by {{ segment_column(dimension) }}, block
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#
    The block of a case, 0 to 7: eight groups of as many cases each, in the order of a day.

        {{ block_of('created_on', 'deal_id') }} as block

    day  the day of the case
    key  tells cases of one day apart, one column or more, so that a run repeats the other
#}
{% macro block_of(day, key) -%}
    cast(floor((row_number() over (order by {{ day }}, {{ key }}) - 1) * 8.0 / count(*) over ()) as bigint)
{%- endmacro %}
