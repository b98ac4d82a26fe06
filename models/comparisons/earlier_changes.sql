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

-- Numbers, which are joined and grouped faster than names.
windows as (
    select
        *,
        dense_rank() over (order by pair_id) as pair_number,
        dense_rank() over (order by pair_id, usual_change_from, shift) as comparison_number,
        period_grain = 'week' as is_of_weeks
    from {{ ref('comparison_windows') }}
    where shift > 0
),

{{ add_addends() }},

{% set sides, columns = ['baseline', 'current'], ['numerator', 'denominator', 'squares'] %}
comparisons as (
    select
        comparison_number,
        pair_id,
        pair_number,
        shift,
        opens_at,
        {% for side in sides %}
        max(day_count) filter (where side = '{{ side }}') as {{ side }}_day_count,
        max(side_days) filter (where side = '{{ side }}') as {{ side }}_days{{ ',' if not loop.last }}
        {% endfor %}
    from windows
    group by comparison_number, pair_id, pair_number, shift, opens_at
),

-- Several weeks are added up; a month, a quarter or a year is a side by itself.
side_sums as {{ computed_once() }} (
    select
        comparison_number,
        pair_number,
        side,
        kpi_segment_id,
        min(place) as first_place,
        max(period_end) as ends_on,
        {% for column in columns %}
        case
            when is_of_weeks then {{ sum_of_parts(column ~ '_whole', column ~ '_rest') }}
            else sum({{ column }})
        end as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from window_addends
    group by comparison_number, pair_number, is_of_weeks, side, kpi_segment_id
),

series_starts as (
    select
        pair_number,
        kpi_segment_id,
        min(first_place) as first_place
    from side_sums
    group by pair_number, kpi_segment_id
),

-- The same comparison, made earlier. Days without a record belong to a total per day, too.
earlier_sums as (
    select
        comparisons.pair_id,
        comparisons.pair_number,
        comparisons.comparison_number,
        comparisons.shift,
        comparisons.opens_at,
        kpi_segments.kpi_segment_id,
        kpi_segments.kpi_id,
        kpi_segments.segment_by,
        kpi_segments.segment,
        kpi_segments.aggregation,
        kpi_segments.testing_method,
        currents.ends_on,
        {% for side in sides %}
        {{ side }}s.numerator as {{ side }}_numerator,
        case
            when not kpi_segments.is_per_day then {{ side }}s.denominator
            when kpi_segments.aggregation = 'total' then cast(comparisons.{{ side }}_days as double)
            else {{ side }}s.denominator * comparisons.{{ side }}_day_count
        end as {{ side }}_denominator,
        {{ side }}s.squares as {{ side }}_squares{{ ',' if not loop.last }}
        {% endfor %}
    from side_sums as currents
    inner join side_sums as baselines
        on currents.comparison_number = baselines.comparison_number and currents.kpi_segment_id = baselines.kpi_segment_id
    inner join comparisons on currents.comparison_number = comparisons.comparison_number
    inner join kpi_segments on currents.kpi_segment_id = kpi_segments.kpi_segment_id
    where baselines.side = 'baseline' and currents.side = 'current'
),

-- A window that begins before the series has not seen all of it.
whole_sums as (
    select earlier_sums.*
    from earlier_sums
    inner join series_starts
        on
            earlier_sums.pair_number = series_starts.pair_number
            and earlier_sums.kpi_segment_id = series_starts.kpi_segment_id
    where earlier_sums.opens_at >= series_starts.first_place
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

sums_beside_controls as (
    select
        sums.pair_id,
        sums.comparison_number,
        sums.kpi_id,
        sums.segment_by,
        sums.segment,
        sums.aggregation,
        sums.testing_method,
        sums.shift,
        sums.ends_on,
        controls.pair_id is not null as is_controlled,
        {% for side in ['baseline', 'current'] %}
        {% for column in columns %}
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
            sums.comparison_number = controls.comparison_number
            and sums.kpi_id = controls.kpi_id
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
    from sums_beside_controls
),

changes as {{ computed_once() }} (
    select
        pair_id,
        kpi_id,
        segment_by,
        segment,
        aggregation,
        shift,
        ends_on,
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
        max(ends_on) as ends_on,
        {{ exact_sum('baseline_denominator * change') }}
        / {{ exact_sum('baseline_denominator') }} as change,
        {{ exact_sum('baseline_denominator * baseline_denominator * variance') }}
        / {{ exact_sum('baseline_denominator') }}
        / {{ exact_sum('baseline_denominator') }} as variance
    from changes
    where segment_by <> 'all' and aggregation = 'ratio' and change is not null and variance is not null
    group by pair_id, kpi_id, segment_by, shift
)

select
    pair_id,
    kpi_id,
    segment_by,
    segment,
    shift,
    ends_on,
    change,
    variance
from changes
where change is not null
union all
select
    pair_id,
    kpi_id,
    segment_by,
    cast(null as {{ dbt.type_string() }}) as segment,
    shift,
    ends_on,
    change,
    variance
from same_mix_changes
