{#
    When may a change be called a change? When it is clearly larger than the changes that are usual, and larger than chance among its records.

    Macros: testing_method, variance_by_chance, variance_of_proportions, block_count, add_swings, add_addends.
#}

{#
    How much chance among its records tells of a KPI, from columns of kpi_catalogue: 'proportion' (of independent trials), 'mean' (of independent values,
    Net Promoter Scores too) or 'plain': totals, medians, rates of events, and what is counted in bunches that are alike, which the usual changes alone judge.

        {{ testing_method() }} as testing_method
#}
{% macro testing_method() -%}
    case
        when interval_method in ('none', 'poisson') or records_alike_because is not null then 'plain'
        when interval_method = 'wilson' then 'proportion'
        else 'mean'
    end
{%- endmacro %}


{#
    The variance of the difference of two values if all records were independent, and, of proportions, nothing had changed. 0 where chance among records
    is not known; NULL for means of fewer than two values.

        {{ variance_by_chance('testing_method', 'baseline', 'current') }} as variance

    method  a column: proportion, mean or plain
    sides   the beginnings of the names of two groups of columns: _numerator, _denominator, and for means _squares, the sum of squares
#}
{% macro variance_by_chance(method, baseline, current) -%}
    case
        when {{ baseline }}_denominator <= 0 or {{ current }}_denominator <= 0 then null
        when {{ method }} = 'proportion' then {{ variance_of_proportions(baseline, current) }}
        when {{ method }} = 'mean'
            then
                power({{ mean_standard_error(baseline ~ '_numerator', baseline ~ '_squares', baseline ~ '_denominator') }}, 2)
                + power({{ mean_standard_error(current ~ '_numerator', current ~ '_squares', current ~ '_denominator') }}, 2)
        else 0.0
    end
{%- endmacro %}

{# Of two proportions that are the same, from both together. #}
{% macro variance_of_proportions(baseline, current) -%}
    {%- set numerators = '(' ~ baseline ~ '_numerator + ' ~ current ~ '_numerator)' -%}
    {%- set denominators = '(' ~ baseline ~ '_denominator + ' ~ current ~ '_denominator)' -%}
    {{ numerators }} / {{ denominators }} * (1 - {{ numerators }} / {{ denominators }})
    * (1 / {{ baseline }}_denominator + 1 / {{ current }}_denominator)
{%- endmacro %}


{#
    Into how many blocks of whole weeks a period is cut, whose swings stand in for earlier periods: 1 + 0.4 weeks ^ (2 / 3), after Lazarus, Lewis,
    Stock and Watson (HAR Inference, Journal of Business and Economic Statistics, 2018), and 2 at least.

        {{ block_count('week_count') }} as blocks
#}
{% macro block_count(weeks) -%}
    cast(greatest(2, round(1 + 0.4 * power({{ weeks }}, 2 / 3e0))) as bigint)
{%- endmacro %}


{#
    Adds what swings mean for a difference: the test of chance among records stands only where the earlier comparisons moved no more than chance would
    move them. Renders CTEs; the last of them is the relation with the columns

        swing_variance      what swings add to chance: 0 where chance explains what was observed
        total_variance      variance_by_chance plus swing_variance
        degrees_of_freedom  of the t of the difference; NULL where nothing is added
        p_value             NULL where records are too few, or where neither they nor the swings tell of any chance
        difference_low, difference_high  the 95 % interval; a rate's is the records' with its arms stretched, within difference_limit

        with
        {{ add_swings('compared', 'judged') }}
        select p_value, degrees_of_freedom from judged

    relation  has difference, testing_method, variance_by_chance, the records' own p_value_records, records_low and records_high; observed_variance and
              difference_limit (the largest that a rate can have), expected_variance (how much the comparisons differed that are known to have no cause, and how much they would by chance), and
              swing_degrees, the degrees of freedom of the first
    name      of the last CTE; those before it begin with it
#}
{% macro add_swings(relation, name) -%}
{{ name }}_swings as (
    select
        *,
        case
            when observed_variance is not null
                then greatest(observed_variance - coalesce(expected_variance, 0.0), 0.0)
        end as swing_variance
    from {{ relation }}
),

{{ name }}_totals as (
    select
        *,
        variance_by_chance + swing_variance as total_variance,
        case
            when swing_variance > 0
                then
                    swing_degrees * (variance_by_chance + swing_variance) / observed_variance
                    * (variance_by_chance + swing_variance) / observed_variance
        end as degrees_of_freedom
    from {{ name }}_swings
),

{{ name }}_ts as (
    select
        *,
        -- least takes no notice of NULL.
        case when difference is not null then least(abs(difference) / sqrt(nullif(total_variance, 0)), 1e9) end as swing_t,
        {{ t_quantile_of_any('degrees_of_freedom') }} as swing_quantile
    from {{ name }}_totals
),

{{ add_student_p_values(name ~ '_ts', name ~ '_p_values', {'swing_p': ['swing_t', 'degrees_of_freedom']}) }},

{{ name }} as (
    select
        *,
        case
            when testing_method <> 'plain' and p_value_records is null then null
            when swing_variance = 0 and testing_method = 'plain' then case when difference = 0 then 1.0 end
            when swing_variance = 0 then p_value_records
            -- greatest takes no notice of NULL.
            when swing_p is null then p_value_records
            else least(1.0, greatest(swing_p, coalesce(p_value_records, 0.0)))
        end as p_value,
        {%- for side, sign, bound in [('low', '-', 'greatest'), ('high', '+', 'least')] %}
        case
            when swing_variance is null or (swing_variance = 0 and testing_method <> 'plain') then records_{{ side }}
            when testing_method = 'proportion' and variance_by_chance > 0
                then {{ bound }}(
                    difference + (records_{{ side }} - difference)
                    * swing_quantile * sqrt(total_variance) / ({{ z_quantile() }} * sqrt(variance_by_chance)),
                    {{ sign }}difference_limit
                )
            else difference {{ sign }} swing_quantile * sqrt(total_variance)
        end as difference_{{ side }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ name }}_p_values
)
{%- endmacro %}


{#
    Adds what the KPIs are made of: the sums of each period, of which one divided by the other is the value, today and in snapshots. Renders CTEs; three
    of them are for the caller: kpi_segments (kpi_segment_id, kpi_id, segment_by, segment, aggregation, is_per_day, testing_method),

        addends         kpi_segment_id, usual_change_from, is_per_day, is_total_per_day, source_snapshot, period_grain, period_start, numerator,
                        denominator (of a total 1, of a median the number of values behind it) and squares (of means)
        window_addends  the windows with the addends of their periods; numerator_whole, numerator_rest and so on are for sum_of_parts

        with
        windows as (select * from comparison_windows),
        {{ add_addends() }}
        select pair_id, kpi_segment_id, sum(numerator) / sum(denominator) from window_addends group by pair_id, kpi_segment_id

    It reads the relation windows, which has the columns of comparison_windows.

    without  a relation with kpi_id, segment_by, segment: what no sums are needed of
#}
{% macro add_addends(without=none) -%}
{%- set is_told = "is_complete and coverage = 'full'" -%}
{%- set is_told_in_snapshot = "is_complete and coalesce(coverage = 'full', is_comparable, true)" -%}
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
    from {{ ref('kpi_values') }}
    where {{ is_told }}
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
    from {{ source('snapshots', 'kpi_values') }}
    where {{ is_told_in_snapshot }}
),

-- Of the tables, whose three columns are read in less time than the CTE above.
every_segment as (
    select
        kpi_id,
        segment_by,
        segment
    from {{ ref('kpi_values') }}
    where {{ is_told }}
    union
    select
        kpi_id,
        segment_by,
        segment
    from {{ source('snapshots', 'kpi_values') }}
    where {{ is_told_in_snapshot }}
),

-- A number is joined and grouped faster than three names.
kpi_segments as (
    select
        every_segment.kpi_id,
        every_segment.segment_by,
        every_segment.segment,
        catalogue.usual_change_from,
        catalogue.aggregation,
        catalogue.is_per_day,
        catalogue.testing_method,
        row_number() over (order by every_segment.kpi_id, every_segment.segment_by, every_segment.segment) as kpi_segment_id
    from every_segment
    inner join catalogue on every_segment.kpi_id = catalogue.kpi_id
    {%- if without %}
    where
        not exists (
            select 1
            from {{ without }}
            where
                every_segment.kpi_id = {{ without }}.kpi_id
                and every_segment.segment_by = {{ without }}.segment_by
                and every_segment.segment = {{ without }}.segment
        )
    {%- endif %}
),

addends as (
    select
        kpi_segments.kpi_segment_id,
        kpi_segments.usual_change_from,
        kpi_segments.is_per_day,
        kpi_segments.aggregation = 'total' and kpi_segments.is_per_day as is_total_per_day,
        kpi_values.source_snapshot,
        kpi_values.period_grain,
        kpi_values.period_start,
        case
            when kpi_segments.aggregation = 'median' then kpi_values.kpi_value * kpi_values.sample_size
            when kpi_segments.aggregation = 'total' then kpi_values.kpi_value
            else kpi_values.numerator
        end as numerator,
        case
            when kpi_segments.aggregation = 'median' then cast(kpi_values.sample_size as double)
            when kpi_segments.aggregation = 'total' then 1.0
            else kpi_values.denominator
        end as denominator,
        case when kpi_segments.testing_method = 'mean' then {{ squares_of_mean('kpi_values') }} end as squares
    from kpi_values
    inner join kpi_segments
        on
            kpi_values.kpi_id = kpi_segments.kpi_id
            and kpi_values.segment_by = kpi_segments.segment_by
            and kpi_values.segment = kpi_segments.segment
),

-- A period lies in several windows, so its addends are split once, before.
split_addends as (
    select
        *,
        {%- for column in ['numerator', 'denominator', 'squares'] %}
        {{ whole_part(column) }} as {{ column }}_whole,
        {{ rest_part(column) }} as {{ column }}_rest{{ ',' if not loop.last }}
        {%- endfor %}
    from addends
),

window_addends as (
    select
        windows.*,
        split_addends.kpi_segment_id,
        split_addends.is_per_day,
        split_addends.is_total_per_day,
        {%- for column in ['numerator', 'denominator', 'squares'] %}
        split_addends.{{ column }},
        split_addends.{{ column }}_whole,
        split_addends.{{ column }}_rest{{ ',' if not loop.last }}
        {%- endfor %}
    from windows
    inner join split_addends
        on
            windows.usual_change_from = split_addends.usual_change_from
            and windows.period_grain = split_addends.period_grain
            and windows.period_start = split_addends.period_start
            and windows.source_snapshot is not distinct from split_addends.source_snapshot
)
{%- endmacro %}
