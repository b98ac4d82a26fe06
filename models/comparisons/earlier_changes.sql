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

{{ add_series() }},

-- The same comparison, made earlier.
earlier_sums as {{ computed_once() }} (
    select
        pair_id,
        kpi_segment_id,
        shift,
        max(period_end) as ends_on,
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
        sums.ends_on,
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
