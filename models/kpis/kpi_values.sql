with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

measures as (
    select * from {{ ref('measures') }}
),

periods as (
    select * from {{ ref('int_reported_periods') }}
),

-- A role without a measure is one that the KPI does not have, and joins with nothing.
roles as (
    select
        kpi_id,
        numerator as measure,
        'numerator' as role
    from catalogue
    union all
    select
        kpi_id,
        denominator as measure,
        'denominator' as role
    from catalogue
    where denominator is not null
    union all
    select
        kpi_id,
        squares as measure,
        'squares' as role
    from catalogue
    union all
    select
        kpi_id,
        sample_measure as measure,
        'sample' as role
    from catalogue
),

inputs as (
    select * from {{ ref('kpi_inputs') }}
),

-- The lesser of two dates leaves out what is NULL.
spans as (
    select
        *,
        least(recorded_until, begun_until) as covered_until
    from {{ ref('kpi_spans') }}
),

measures_available as (
    select distinct
        measure,
        segment_by
    from measures
),

-- A KPI needs all of its measures and their inputs: without campaign costs there is no cost per lead, rather than one of 0, and without
-- dates of conversion no conversion rate.
kpis_computable as (
    select *
    from catalogue
    where
        not exists (
            select 1
            from roles
            left join measures_available on roles.measure = measures_available.measure
            where roles.kpi_id = catalogue.kpi_id and roles.role in ('numerator', 'denominator') and measures_available.measure is null
        )
        and not exists (
            select 1
            from inputs
            where inputs.kpi_id = catalogue.kpi_id and not inputs.is_filled
        )
),

-- Which measures make up a KPI, for each segment dimension that it is cut by.
measures_wanted as (
    select
        roles.kpi_id,
        roles.role,
        measures_available.measure,
        measures_available.segment_by
    from kpis_computable
    inner join roles on kpis_computable.kpi_id = roles.kpi_id
    inner join measures_available on roles.measure = measures_available.measure
    where
        measures_available.segment_by = 'all'
        or '|' || kpis_computable.segments || '|' like '%|' || measures_available.segment_by || '|%'
),

parts as {{ computed_once() }} (
    select
        measures_wanted.kpi_id,
        measures.period_id,
        measures.segment_by,
        measures.segment,
        sum(measures.value) filter (where measures_wanted.role = 'numerator') as numerator,
        sum(measures.value) filter (where measures_wanted.role = 'denominator') as denominator,
        sum(measures.value) filter (where measures_wanted.role = 'squares') as squares,
        sum(measures.value) filter (where measures_wanted.role = 'sample') as sample_size
    from measures_wanted
    inner join measures on measures_wanted.measure = measures.measure and measures_wanted.segment_by = measures.segment_by
    group by measures_wanted.kpi_id, measures.period_id, measures.segment_by, measures.segment
),

-- The first period that holds anything of a KPI is the one that ends first.
first_periods as (
    select
        parts.kpi_id,
        min(periods.period_end) as first_period_end,
        bool_or(periods.read_on is null) as looks_ahead
    from parts
    inner join periods on parts.period_id = periods.period_id
    where parts.segment_by = 'all'
    group by parts.kpi_id
),

-- From then on the total has a row in each period, also where nothing happened; in the periods after as_of where it is a forecast.
quiet_totals as (
    select
        first_periods.kpi_id,
        periods.period_id,
        'all' as segment_by,
        'all' as segment
    from first_periods
    cross join periods
    where
        first_periods.first_period_end <= periods.period_end
        and (periods.read_on is not null or first_periods.looks_ahead)
        and not exists (
            select 1
            from parts
            where
                parts.kpi_id = first_periods.kpi_id
                and parts.period_id = periods.period_id
                and parts.segment_by = 'all'
        )
),

every_part as (
    select
        kpi_id,
        period_id,
        segment_by,
        segment,
        numerator,
        denominator,
        squares,
        sample_size
    from parts
    union all
    select
        kpi_id,
        period_id,
        segment_by,
        segment,
        cast(null as {{ measure_type() }}) as numerator,
        cast(null as {{ measure_type() }}) as denominator,
        cast(null as {{ measure_type() }}) as squares,
        cast(null as {{ measure_type() }}) as sample_size
    from quiet_totals
),

-- A sum of nothing is 0, a median of nothing is not. Measures are whole seconds and the like: the catalogue says how many make a unit.
values_in_units as (
    select
        every_part.kpi_id,
        every_part.period_id,
        every_part.segment_by,
        every_part.segment,
        kpis_computable.aggregation,
        kpis_computable.interval_method,
        kpis_computable.possible_low,
        kpis_computable.possible_high,
        kpis_computable.dated_by,
        kpis_computable.length_effect,
        case
            when kpis_computable.aggregation = 'median' then cast(every_part.numerator as double) / kpis_computable.per_unit
            else cast(coalesce(every_part.numerator, 0) as double) / kpis_computable.per_unit
        end as numerator,
        case
            when kpis_computable.aggregation = 'ratio' then cast(coalesce(every_part.denominator, 0) as double)
        end as denominator,
        cast(every_part.squares as double) / kpis_computable.per_unit / kpis_computable.per_unit as squares,
        cast(
            case
                when kpis_computable.sample_measure is not null then coalesce(every_part.sample_size, 0)
                else coalesce(every_part.denominator, 0)
            end as bigint
        ) as sample_size
    from every_part
    inner join kpis_computable on every_part.kpi_id = kpis_computable.kpi_id
),

kpis_valued as {{ computed_once() }} (
    select
        *,
        case
            when aggregation = 'ratio' then numerator / nullif(denominator, 0)
            else numerator
        end as kpi_value
    from values_in_units
),

-- The days of each period, and those of them that lie in the KPI's span and have not matured. What is read at a period's end is covered
-- by that one day. A forecast looks ahead: what it needs is there. So it is with a KPI without dated inputs.
covered_days as (
    select
        kpis_computable.kpi_id,
        periods.period_id,
        kpis_computable.dated_by = 'end of period' as is_read_at_end,
        -- Who was a customer when the period began must be known.
        kpis_computable.dated_by = 'period' and periods.period_start < spans.covered_from as is_start_unknown,
        {{ days_between('periods.period_start', 'periods.read_on') }} + 1 as day_count,
        greatest(0, {{ days_between(
            'greatest(periods.period_start, spans.covered_from)', 'least(periods.read_on, spans.covered_until)'
        ) }} + 1) as days_covered,
        greatest(0, {{ days_between(
            'greatest(periods.period_start, ' ~ add_days('spans.matured_until', 1) ~ ')',
            'least(periods.read_on, spans.covered_until)'
        ) }} + 1) as days_maturing,
        periods.read_on >= spans.covered_from and periods.read_on <= spans.covered_until as is_end_covered,
        -- Days that look back beyond the records count, but too low or too high.
        periods.period_start < spans.covered_from
        and spans.recorded_from < spans.covered_from as is_shortened,
        -- What is open, how much was closed or created, and who bought first, is true of the records, though not of the company yet.
        -- So is what closed after nothing new came any more.
        (
            (
                kpis_computable.aggregation = 'total'
                and kpis_computable.look_back in ('creation', 'closing', 'open deals', 'open tickets', 'first purchase')
                and periods.read_on >= spans.recorded_from
            )
            or (
                spans.covered_until < spans.recorded_until
                and periods.read_on > spans.covered_until
                and periods.read_on >= spans.covered_from
            )
        )
        and case when kpis_computable.dated_by = 'end of period' then periods.read_on else periods.period_start end <= spans.recorded_until
            as is_shown
    from kpis_computable
    cross join periods
    inner join spans on kpis_computable.kpi_id = spans.kpi_id
    where periods.read_on is not null
),

periods_with_share as (
    select
        *,
        case
            when is_read_at_end then case when is_end_covered then 1.0 else 0.0 end
            when is_start_unknown then 0.0
            else cast(days_covered as double) / day_count
        end as covered_share
    from covered_days
),

periods_with_coverage as (
    select
        *,
        case
            when covered_share = 0 then case when is_shown then 'partly' else 'none' end
            when days_maturing > 0.05 * days_covered then 'maturing'
            when covered_share < 0.95 then 'partly'
            else 'full'
        end as coverage
    from periods_with_share
),

-- Outside of the records there is no value. A rate over half of the days of a period, or more, is one that can be compared; a total is not.
kpis_covered as (
    select
        kpis_valued.kpi_id,
        kpis_valued.segment_by,
        kpis_valued.segment,
        kpis_valued.aggregation,
        kpis_valued.interval_method,
        kpis_valued.possible_low,
        kpis_valued.possible_high,
        periods.period_grain,
        periods.period_name,
        periods.period_start,
        periods.period_end,
        periods.is_complete,
        coalesce(periods_with_coverage.coverage, 'full') as coverage,
        coalesce(periods_with_coverage.covered_share, 1.0) as covered_share,
        case when coalesce(periods_with_coverage.coverage, 'full') <> 'none' then kpis_valued.numerator end as numerator,
        case when coalesce(periods_with_coverage.coverage, 'full') <> 'none' then kpis_valued.denominator end as denominator,
        case when coalesce(periods_with_coverage.coverage, 'full') <> 'none' then kpis_valued.squares end as squares,
        case when coalesce(periods_with_coverage.coverage, 'full') <> 'none' then kpis_valued.sample_size else 0 end as sample_size,
        case when coalesce(periods_with_coverage.coverage, 'full') <> 'none' then kpis_valued.kpi_value end as kpi_value,
        periods.is_complete
        and coalesce(
            periods_with_coverage.coverage = 'full'
            or (
                periods_with_coverage.coverage = 'partly'
                and periods_with_coverage.covered_share >= 0.5
                and kpis_valued.length_effect = 'none'
                and not periods_with_coverage.is_shortened
            ),
            true
        ) as is_period_comparable
    from kpis_valued
    inner join periods on kpis_valued.period_id = periods.period_id
    left join periods_with_coverage
        on kpis_valued.kpi_id = periods_with_coverage.kpi_id and kpis_valued.period_id = periods_with_coverage.period_id
)

select
    kpi_id,
    period_grain,
    period_name,
    period_start,
    period_end,
    is_complete,
    segment_by,
    segment,
    case when aggregation <> 'median' then numerator end as numerator,
    denominator,
    sample_size,
    kpi_value,
    case
        when interval_method = 'none' then null
        when interval_method = 'wilson' then {{ wilson_low('numerator', 'denominator') }}
        when interval_method = 'poisson' then {{ poisson_low('numerator', 'denominator') }}
        else {{ mean_within_low('numerator', 'squares', 'denominator', 'possible_low', 'possible_high') }}
    end as interval_low,
    case
        when interval_method = 'none' then null
        when interval_method = 'wilson' then {{ wilson_high('numerator', 'denominator') }}
        when interval_method = 'poisson' then {{ poisson_high('numerator', 'denominator') }}
        else {{ mean_within_high('numerator', 'squares', 'denominator', 'possible_low', 'possible_high') }}
    end as interval_high,
    case
        when interval_method in ('mean', 'nps')
            then {{ mean_standard_error('numerator', 'squares', 'denominator') }}
    end as standard_error,
    -- Durations and amounts are skewed: the interval of a mean of few of them is too narrow, and too low.
    interval_method = 'mean' and possible_high is null and sample_size between 2 and 99 as interval_is_rough,
    coverage,
    cast(covered_share as double) as covered_share,
    is_period_comparable and kpi_value is not null as is_comparable
from kpis_covered
