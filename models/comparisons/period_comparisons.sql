with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

pairs as (
    select
        *,
        comparison || coalesce(' ' || evaluation_name, '') || ' ' || current_grain as pair_id
    from {{ ref('period_pairs') }}
),

kpi_values as (
    select * from {{ ref('kpi_values') }}
    where kpi_value is not null
),

snapshot_values as (
    select * from {{ source('snapshots', 'kpi_values') }}
    where kpi_value is not null
),

-- Another formula, or another unit, makes another KPI: its value of then says nothing of now.
redefined as (
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
        kpi_values.standard_error
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
        snapshot_values.standard_error
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
        kpi_values.standard_error
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

sides as (
    select
        keys.kpi_id,
        keys.segment_by,
        keys.segment,
        pairs.pair_id,
        pairs.comparison,
        pairs.evaluation_name,
        pairs.baseline_snapshot,
        pairs.baseline_period,
        pairs.current_grain,
        pairs.current_period,
        pairs.current_start,
        pairs.current_end,
        catalogue.good,
        catalogue.interval_method,
        catalogue.matures,
        catalogue.not_tested_because,
        {% for side in ['baseline', 'current'] %}
        {{ side }}s.kpi_value as {{ side }}_value,
        {{ side }}s.numerator as {{ side }}_numerator,
        {{ side }}s.denominator as {{ side }}_denominator,
        {{ side }}s.interval_low as {{ side }}_interval_low,
        {{ side }}s.interval_high as {{ side }}_interval_high,
        {{ side }}s.sample_size as {{ side }}_sample_size,
        {{ side }}s.standard_error as {{ side }}_standard_error,
        {{ unmatured_share('pairs.' ~ side ~ '_days', 'pairs.' ~ side ~ '_age', 'catalogue.matures_in_days') }} as {{ side }}_unmatured,
        {% endfor %}
        -- Totals per day. What depends on the length of its period in another way is compared with one about as long.
        case
            when redefined.kpi_id is not null then null
            when catalogue.length_effect = 'none' then 1.0
            when catalogue.length_effect = 'proportional' then cast(pairs.current_days as double) / pairs.baseline_days
            else case when {{ are_about_as_long('pairs.current_days', 'pairs.baseline_days') }} then 1.0 end
        end as scale
    from keys
    inner join pairs on keys.pair_id = pairs.pair_id
    inner join catalogue on keys.kpi_id = catalogue.kpi_id
    left join redefined on pairs.baseline_snapshot = redefined.snapshot_name and keys.kpi_id = redefined.kpi_id
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

-- Of two periods that have matured, any difference may be claimed. Of the one that has matured less, values are still going up, or down:
-- only a difference against that can't be an artefact.
with_claimable as (
    select
        *,
        case
            when not_tested_because is not null then 'none'
            when matures = 'none' or (baseline_unmatured <= 0.05 and current_unmatured <= 0.05) then 'both'
            when matures = 'either' then 'none'
            when baseline_unmatured = current_unmatured then 'both'
            when (matures = 'up') = (baseline_unmatured < current_unmatured) then 'up'
            else 'down'
        end as claimable
    from sides
),

{{ test_differences('with_claimable', 'tested') }},

adjusted as (
    {{ adjust_p_values(
        'tested',
        family=['pair_id', "case when segment_by = 'all' then 'all' else kpi_id end", 'segment_by'],
        key=['kpi_id', 'segment']
    ) }}
),

-- A segment is judged within its KPI: it has not changed more surely than the total that it is a part of.
judged as (
    select
        comparison,
        evaluation_name,
        baseline_snapshot,
        baseline_period,
        current_grain,
        current_period,
        current_start,
        current_end,
        kpi_id,
        segment_by,
        segment,
        baseline_value,
        baseline_interval_low,
        baseline_interval_high,
        baseline_sample_size,
        current_value,
        current_interval_low,
        current_interval_high,
        current_sample_size,
        difference,
        difference_low,
        difference_high,
        relative_change,
        p_value,
        case
            when p_value_adjusted is not null
                then greatest(
                    p_value_adjusted,
                    coalesce(max(case when segment_by = 'all' then p_value_adjusted end) over (partition by pair_id, kpi_id), 1.0)
                )
        end as p_value_adjusted,
        good,
        is_tested
    from adjusted
)

select
    comparison,
    evaluation_name,
    baseline_snapshot,
    baseline_period,
    current_grain,
    current_period,
    current_start,
    current_end,
    kpi_id,
    segment_by,
    segment,
    baseline_value,
    baseline_interval_low,
    baseline_interval_high,
    baseline_sample_size,
    current_value,
    current_interval_low,
    current_interval_high,
    current_sample_size,
    difference,
    difference_low,
    difference_high,
    relative_change,
    p_value,
    p_value_adjusted,
    {{ verdict() }} as verdict
from judged
