with

pairs as (
    select * from {{ ref('period_pairs') }}
),

periods as (
    select * from {{ ref('periods') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

snapshot_values as (
    select * from {{ source('snapshots', 'kpi_values') }}
),

snapshot_weeks as (
    select distinct
        snapshot_name,
        period_start,
        period_end
    from snapshot_values
    where period_grain = 'week' and is_complete
),

-- A period of which the first days are not known is shorter than it looks; a tenth may be missing, as where a year begins with a holiday.
known_periods as (
    select
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        {{ days_between('greatest(periods.period_start, reporting_window.first_day)', 'periods.period_end') }} + 1 as day_count
    from periods
    cross join reporting_window
    where
        {{ days_between('periods.period_start', 'reporting_window.first_day') }}
        <= 0.1 * (1 + {{ days_between('periods.period_start', 'periods.period_end') }})
),

-- The weeks that a pair may look at. Up to the end of a baseline from a snapshot they are the snapshot's.
pair_weeks as (
    select
        pairs.pair_id,
        cast(null as {{ dbt.type_string() }}) as source_snapshot,
        known_periods.period_start,
        known_periods.period_end
    from pairs
    inner join known_periods
        on
            pairs.current_end >= known_periods.period_end
            and (pairs.baseline_snapshot is null or pairs.baseline_end < known_periods.period_end)
    where known_periods.period_grain = 'week'
    union all
    select
        pairs.pair_id,
        snapshot_weeks.snapshot_name as source_snapshot,
        snapshot_weeks.period_start,
        snapshot_weeks.period_end
    from pairs
    inner join snapshot_weeks
        on pairs.baseline_snapshot = snapshot_weeks.snapshot_name and pairs.baseline_end >= snapshot_weeks.period_end
),

-- Periods have places along the time line, so that they can be moved: a week the number of weeks since a Monday long ago.
placed_weeks as (
    select
        *,
        cast(floor({{ days_between("cast('1900-01-01' as date)", 'period_start') }} / 7.0) as bigint) as place
    from pair_weeks
),

placed_grains as (
    select
        *,
        row_number() over (partition by period_grain order by period_start) as place
    from known_periods
    where period_grain in ('month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

-- Of each pair the first place of its two periods, and the one after the last: of the weeks that lie in them as a whole.
week_pairs as (
    select
        pairs.pair_id,
        min(placed_weeks.place) filter (where placed_weeks.period_start >= pairs.baseline_start) as baseline_from,
        1 + max(placed_weeks.place) filter (where placed_weeks.period_end <= pairs.baseline_end) as baseline_until,
        min(placed_weeks.place) filter (where placed_weeks.period_start >= pairs.current_start) as current_from,
        1 + max(placed_weeks.place) as current_until
    from pairs
    inner join placed_weeks on pairs.pair_id = placed_weeks.pair_id
    group by pairs.pair_id
),

-- Two whole months (quarters, years): of the scorecard, or because the named periods of an evaluation are such.
grain_pairs as (
    select
        pairs.pair_id,
        baselines.period_grain,
        baselines.place as baseline_from,
        baselines.place + 1 as baseline_until,
        currents.place as current_from,
        currents.place + 1 as current_until
    from pairs
    inner join placed_grains as baselines
        on pairs.baseline_start = baselines.period_start and pairs.baseline_end = baselines.period_end
    inner join placed_grains as currents
        on
            baselines.period_grain = currents.period_grain
            and pairs.current_start = currents.period_start
            and pairs.current_end = currents.period_end
    where
        pairs.baseline_snapshot is null
        -- A fiscal quarter may be a quarter, too: each pair moves along one of them.
        and (pairs.current_grain = currents.period_grain or (pairs.current_grain = 'named' and currents.period_grain not like 'fiscal%'))
),

-- The periods of a pair that can be moved, each with where it is. Both periods move by the length of the longer one.
places as (
    select
        placed_weeks.pair_id,
        'week' as period_grain,
        placed_weeks.source_snapshot,
        placed_weeks.period_start,
        placed_weeks.period_end,
        7 as day_count,
        placed_weeks.place,
        week_pairs.baseline_from,
        week_pairs.baseline_until,
        week_pairs.current_from,
        week_pairs.current_until,
        greatest(
            week_pairs.baseline_until - week_pairs.baseline_from, week_pairs.current_until - week_pairs.current_from
        ) as step
    from placed_weeks
    inner join week_pairs on placed_weeks.pair_id = week_pairs.pair_id
    where week_pairs.baseline_from < week_pairs.baseline_until and week_pairs.current_from is not null
    union all
    select
        grain_pairs.pair_id,
        grain_pairs.period_grain,
        cast(null as {{ dbt.type_string() }}) as source_snapshot,
        placed_grains.period_start,
        placed_grains.period_end,
        placed_grains.day_count,
        placed_grains.place,
        grain_pairs.baseline_from,
        grain_pairs.baseline_until,
        grain_pairs.current_from,
        grain_pairs.current_until,
        1 as step
    from grain_pairs
    inner join placed_grains on grain_pairs.period_grain = placed_grains.period_grain
),

-- A place lies in one earlier baseline at most, and in one earlier current period, since these move by no less than their length.
sides as (
    select
        *,
        'baseline' as side,
        baseline_from as side_from,
        baseline_until as side_until
    from places
    union all
    select
        *,
        'current' as side,
        current_from as side_from,
        current_until as side_until
    from places
),

side_shifts as (
    select
        *,
        cast(floor((side_until - 1 - place) / cast(step as double)) as bigint) as shift
    from sides
),

with_positions as (
    select
        *,
        place + shift * step - side_from as position,
        side_until - side_from as side_length,
        baseline_until - baseline_from + current_until - current_from as both_lengths,
        baseline_until - baseline_from + current_until - current_from - step as shorter_length
    from side_shifts
    where place + shift * step >= side_from
),

kinds (usual_change_from) as (
    values
    ('weeks'),
    ('period ends'),
    ('whole periods')
),

-- Earlier comparisons: the scorecard's from its months, quarters or years; an evaluation's from weeks, of which a KPI that is read at the
-- end of a period takes the last one. What weeks do not add up to is compared between whole months, quarters or years alone.
uses as (
    select
        with_positions.*,
        kinds.usual_change_from
    from with_positions
    inner join pairs on with_positions.pair_id = pairs.pair_id
    cross join kinds
    where
        with_positions.shift > 0
        and case
            when pairs.comparison in ('period before', 'year before')
                then with_positions.period_grain <> 'week' and with_positions.shift <= 24
            when kinds.usual_change_from = 'weeks' then with_positions.period_grain = 'week'
            when kinds.usual_change_from = 'period ends'
                then with_positions.period_grain = 'week' and with_positions.position = with_positions.side_length - 1
            else with_positions.period_grain <> 'week'
        end
    union all
    -- The weeks of the two periods themselves, for where there are too few earlier comparisons.
    select
        with_positions.*,
        'weeks' as usual_change_from
    from with_positions
    where shift = 0 and period_grain = 'week' and shorter_length >= 12
),

with_block_counts as (
    select
        *,
        {{ block_count('shorter_length') }} as blocks
    from uses
),

with_blocks as (
    select
        *,
        cast(floor(position * blocks / cast(side_length as double)) as bigint) as side_block,
        cast(floor(
            (position + case when side = 'current' then baseline_until - baseline_from else 0 end)
            * 2 * blocks / cast(both_lengths as double)
        ) as bigint) as common_block
    from with_block_counts
)

select
    pair_id,
    usual_change_from,
    shift,
    side,
    period_grain,
    period_start,
    period_end,
    source_snapshot,
    day_count,
    place,
    -- Where the earlier comparison begins. A series that begins later has not seen all of it.
    baseline_from - shift * step as opens_at,
    blocks,
    side_block,
    common_block,
    sum(day_count) over (partition by pair_id, usual_change_from, shift, side) as side_days,
    sum(day_count) over (partition by pair_id, usual_change_from, shift, side, side_block) as side_block_days,
    -- The time of a week, 0 at the middle of all weeks of both periods, which span 1.
    (
        place - (
            (baseline_from + baseline_until - 1) * (baseline_until - baseline_from) / 2e0
            + (current_from + current_until - 1) * (current_until - current_from) / 2e0
        ) / both_lengths
    ) / (current_until - 1 - baseline_from) as week_time
from with_blocks
