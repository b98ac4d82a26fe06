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

windows as (
    select * from {{ ref('comparison_windows') }}
    where shift > 0
),

{{ add_addends() }},

-- The sides of the earlier comparisons, by numbers, which are joined and grouped faster than names.
sides as (
    select
        pair_id,
        usual_change_from,
        shift,
        side,
        opens_at,
        side_days,
        dense_rank() over (order by pair_id) as pair_number,
        dense_rank() over (order by pair_id, shift) as comparison_number,
        row_number() over (order by pair_id, usual_change_from, shift, side) as side_number
    from windows
    group by pair_id, usual_change_from, shift, side, opens_at, side_days
),

windows_of_sides as (
    select
        windows.*,
        sides.side_number
    from windows
    inner join sides
        on
            windows.pair_id = sides.pair_id
            and windows.usual_change_from = sides.usual_change_from
            and windows.shift = sides.shift
            and windows.side = sides.side
),

{% set columns = {
    'numerator': 'numerator',
    'denominator': 'case when is_per_day then 7 * denominator else denominator end',
    'squares': 'squares',
} %}
week_addends as (
    select
        kpi_segment_id,
        usual_change_from,
        source_snapshot,
        period_start,
        {% for name, value in columns.items() %}
        {{ whole_part(value) }} as {{ name }}_whole,
        {{ rest_part(value) }} as {{ name }}_rest{{ ',' if not loop.last }}
        {% endfor %}
    from addends
    where period_grain = 'week'
),

-- A week lies in several comparisons. A month, a quarter or a year is a side by itself.
side_sums as {{ computed_once() }} (
    select
        windows_of_sides.side_number,
        week_addends.kpi_segment_id,
        max(windows_of_sides.period_end) as ends_on,
        min(windows_of_sides.place) as first_place,
        {% for name in columns %}
        {{ sum_of_parts('week_addends.' ~ name ~ '_whole', 'week_addends.' ~ name ~ '_rest') }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from windows_of_sides
    inner join week_addends
        on
            windows_of_sides.usual_change_from = week_addends.usual_change_from
            and windows_of_sides.period_start = week_addends.period_start
            and windows_of_sides.source_snapshot is not distinct from week_addends.source_snapshot
    where windows_of_sides.period_grain = 'week'
    group by windows_of_sides.side_number, week_addends.kpi_segment_id
    union all
    select
        windows_of_sides.side_number,
        addends.kpi_segment_id,
        windows_of_sides.period_end as ends_on,
        windows_of_sides.place as first_place,
        addends.numerator,
        case when addends.is_per_day then addends.denominator * windows_of_sides.day_count else addends.denominator end as denominator,
        addends.squares
    from windows_of_sides
    inner join addends
        on
            windows_of_sides.usual_change_from = addends.usual_change_from
            and windows_of_sides.period_grain = addends.period_grain
            and windows_of_sides.period_start = addends.period_start
            and windows_of_sides.source_snapshot is not distinct from addends.source_snapshot
    where windows_of_sides.period_grain <> 'week'
),

series_starts as (
    select
        sides.pair_number,
        side_sums.kpi_segment_id,
        min(side_sums.first_place) as first_place
    from side_sums
    inner join sides on side_sums.side_number = sides.side_number
    group by sides.pair_number, side_sums.kpi_segment_id
),

comparisons as (
    select
        baselines.pair_id,
        baselines.pair_number,
        baselines.comparison_number,
        baselines.shift,
        baselines.opens_at,
        baselines.side_number as baseline_number,
        baselines.side_days as baseline_days,
        currents.side_number as current_number,
        currents.side_days as current_days
    from sides as baselines
    inner join sides as currents
        on
            baselines.comparison_number = currents.comparison_number
            and baselines.usual_change_from = currents.usual_change_from
    where baselines.side = 'baseline' and currents.side = 'current'
),

-- Computed before the other side is joined: an optimizer that joins the two sides by their segments first takes half a minute.
current_sides as {{ computed_once() }} (
    select
        comparisons.*,
        side_sums.kpi_segment_id,
        side_sums.ends_on,
        side_sums.numerator,
        side_sums.denominator,
        side_sums.squares
    from comparisons
    inner join side_sums on comparisons.current_number = side_sums.side_number
),

-- The same comparison, made earlier. Days without a record belong to a total per day, too.
earlier_sums as (
    select
        current_sides.pair_id,
        current_sides.pair_number,
        current_sides.comparison_number,
        current_sides.shift,
        current_sides.opens_at,
        kpi_segments.kpi_segment_id,
        kpi_segments.kpi_id,
        kpi_segments.segment_by,
        kpi_segments.segment,
        kpi_segments.aggregation,
        kpi_segments.testing_method,
        current_sides.ends_on,
        {% for side, sums in [('baseline', 'baseline_sums'), ('current', 'current_sides')] %}
        {{ sums }}.numerator as {{ side }}_numerator,
        case
            when kpi_segments.aggregation = 'total' and kpi_segments.is_per_day then cast(current_sides.{{ side }}_days as double)
            else {{ sums }}.denominator
        end as {{ side }}_denominator,
        {{ sums }}.squares as {{ side }}_squares{{ ',' if not loop.last }}
        {% endfor %}
    from current_sides
    inner join side_sums as baseline_sums
        on
            current_sides.baseline_number = baseline_sums.side_number
            and current_sides.kpi_segment_id = baseline_sums.kpi_segment_id
    inner join kpi_segments on current_sides.kpi_segment_id = kpi_segments.kpi_segment_id
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

treated as (
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
    from treated
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
where change is not null
