{#
    The comparison of two values of a KPI, the second with the first, as evaluations, the scorecard and weak spots make it: one way for all.

    Macros: test_differences, varied_error, has_enough_records, verdict, are_about_as_long, squares_of_mean, squares_of_side.
#}

{#
    Tests the difference of two values. Renders CTEs; the last of them is the relation with the columns

        difference       current minus baseline, per day where the KPI is a total: the baseline is scaled to the days of the current period
        relative_change  the difference divided by that baseline without its sign; NULL where it is 0
        records_low      lower end of the 95 % interval of the difference, if all records are independent
        records_high     upper end
        p_value_records  two-sided, if all records are independent; NULL where they are too few, or nothing is known of them
        variance_by_chance  of the difference; 0 where nothing is known of it
        is_tested        whether a difference of this KPI may be claimed at all

        with
        {{ test_differences('compared', 'tested') }}
        select difference, p_value_records from tested

    relation  has testing_method, good, scale (what makes the baseline comparable: 1, or days by days; NULL: they are not), may_be_claimed (whether
              both can be compared), and for each of the two sides, baseline_ and current_: value, numerator, denominator,
              interval_low, interval_high, sample_size, standard_error
    name      of the last CTE; those before it begin with it

    Proportions by proportions_z and Newcombe's interval. Means and Net Promoter Scores by Welch's test and interval; the p-value is the larger of
    that and the one of Student's test with pooled variances, since Welch's claims far too often where a small sample of skewed or few values
    happens to vary little (5 values beside 100: 1 to 5 % instead of 0.1 %).
#}
{% macro test_differences(relation, name) -%}
{{ name }}_errors as (
    select
        *,
        cast(baseline_sample_size as double) as baseline_n,
        cast(current_sample_size as double) as current_n,
        {{ varied_error('baseline') }} as baseline_error,
        {{ varied_error('current') }} as current_error
    from {{ relation }}
),

{{ name }}_differences as (
    select
        *,
        current_value - baseline_value * scale as difference,
        baseline_n + current_n - 2 as pooled_degrees,
        {{ pooled_error('baseline_error', 'baseline_n', 'current_error', 'current_n') }} as pooled_error,
        {{ welch_degrees('baseline_error', 'baseline_n', 'current_error', 'current_n') }} as welch_degrees,
        case when testing_method = 'mean' then sqrt(baseline_error * baseline_error + current_error * current_error) end as error,
        case
            when testing_method = 'proportion'
                then {{ proportions_z('baseline_numerator', 'baseline_denominator', 'current_numerator', 'current_denominator') }}
        end as proportions_z
    from {{ name }}_errors
),

{{ name }}_statistics as (
    select
        *,
        -- Beyond any table, but within a double when it is squared.
        case when error > 0 and difference is not null then least(abs(difference) / error, 1e9) end as welch_t,
        case when pooled_error > 0 and difference is not null then least(abs(difference) / pooled_error, 1e9) end as pooled_t,
        {{ t_quantile('welch_degrees') }} as welch_t_quantile,
        (
            good <> 'none'
            and scale is not null
            -- More clicks than impressions are no proportion.
            and not (testing_method = 'proportion' and (coalesce(baseline_value, 0) > 1 or coalesce(current_value, 0) > 1))
            and may_be_claimed
        ) as is_tested
    from {{ name }}_differences
),

{{ add_student_p_values(
    name ~ '_statistics',
    name ~ '_p_values',
    {'welch_p': ['welch_t', 'welch_degrees'], 'pooled_p': ['pooled_t', 'pooled_degrees']}
) }},

{{ name }} as (
    select
        *,
        difference / nullif(abs(baseline_value * scale), 0) as relative_change,
        case testing_method
            when 'proportion' then {{ proportions_difference_low(
                'baseline_value', 'baseline_interval_low', 'baseline_interval_high', 'current_value', 'current_interval_low', 'current_interval_high'
            ) }}
            when 'mean' then difference - welch_t_quantile * error
        end as records_low,
        case testing_method
            when 'proportion' then {{ proportions_difference_high(
                'baseline_value', 'baseline_interval_low', 'baseline_interval_high', 'current_value', 'current_interval_low', 'current_interval_high'
            ) }}
            when 'mean' then difference + welch_t_quantile * error
        end as records_high,
        case testing_method
            when 'proportion'
                then
                    case
                        when baseline_denominator > 0 and current_denominator > 0
                            then {{ variance_of_proportions('baseline', 'current') }}
                    end
            when 'mean' then error * error
            else 0.0
        end as variance_by_chance,
        case
            -- least and greatest take no notice of NULL.
            when not is_tested then null
            when proportions_z is not null then least(1.0, {{ normal_p_value('proportions_z') }})
            when error = 0 and difference = 0 then 1.0
            when welch_p is not null and pooled_p is not null then least(1.0, greatest(welch_p, pooled_p, 0.0))
        end as p_value_records
    from {{ name }}_p_values
)
{%- endmacro %}

{# The standard error of a side of a comparison, 0 where all values are equal and only rounding noise is left. #}
{% macro varied_error(side) -%}
    case
        when {{ side }}_standard_error * sqrt({{ side }}_sample_size) <= 0.0000001 * abs({{ side }}_value) then 0.0
        else {{ side }}_standard_error
    end
{%- endmacro %}


{#
    Whether a verdict may rest on as many records as both sides of a comparison have: ten on each side of a mean, a median and other ratios, twenty on both
    sides together of a total, which may fall to nothing. Of a count per thing sold, both: twenty counted together, and ten sold on each side, since a
    product of which one was sold has any rate. Records are what happened independently, such as the deals won of a return on costs. Means of fewer skewed
    values err too often, and a company of forty deals has usual changes of nothing. A test of proportions says itself when there are too few.

        {{ has_enough_records() }} as has_enough_records

    It reads the columns testing_method, interval_method, aggregation, and of both sides numerator and sample_size.
#}
{% macro has_enough_records() -%}
    case
        when testing_method = 'proportion' then true
        when interval_method = 'poisson' and coalesce(baseline_numerator, 0) + coalesce(current_numerator, 0) < 20 then false
        when aggregation = 'total' then coalesce(baseline_sample_size, 0) + coalesce(current_sample_size, 0) >= 20
        else coalesce(baseline_sample_size, 0) >= 10 and coalesce(current_sample_size, 0) >= 10
    end
{%- endmacro %}


{#
    The verdict on a difference, of a row of add_swings with its two adjusted p-values. What is claimed, interval and test both bear out: the adjusted p-value
    is at most 0.05, and the interval of the difference leaves out 0. So an interval may leave out 0 and nothing is claimed, since it is the interval of one
    comparison and the p-value is that of one among many; never the other way round.

        {{ verdict() }} as verdict
#}
{% macro verdict() -%}
    case
        when not is_tested then 'not tested'
        when difference is null or (testing_method <> 'plain' and p_value_records is null) then 'too few data'
        when not has_enough_records then 'too few data'
        when evidence_basis = 'too few weeks' then 'too few weeks'
        when p_value is null then 'too few data'
        when p_value_adjusted <= 0.05 and (difference_low > 0 or difference_high < 0)
            then
                case
                    when evidence_basis = 'usual changes' then case when (good = 'up') = (difference > 0) then 'improved' else 'worsened' end
                    when is_moving_already then 'as it was already doing'
                    when (good = 'up') = (difference > 0) then 'probably improved'
                    else 'probably worsened'
                end
        when p_value_records_adjusted <= 0.05 or (testing_method = 'plain' and difference <> 0) then 'within usual changes'
        else 'no evidence of change'
    end
{%- endmacro %}


{# Whether two periods are about as long: as two months, give or take three days. #}
{% macro are_about_as_long(days, other_days) -%}
    {{ days }} <= 1.15 * {{ other_days }} and {{ other_days }} <= 1.15 * {{ days }}
{%- endmacro %}


{#
    The sum of squares that a mean and its standard error came from, of a relation with denominator, kpi_value and standard_error; of a single value,
    which has no standard error, its square.
#}
{% macro squares_of_mean(relation) -%}
    (
        {{ relation }}.denominator * {{ relation }}.kpi_value * {{ relation }}.kpi_value
        + coalesce({{ relation }}.standard_error * {{ relation }}.standard_error, 0.0) * {{ relation }}.denominator * ({{ relation }}.denominator - 1)
    )
{%- endmacro %}


{# The same of one side of a comparison: columns that begin with `side`, such as baseline or tested.current. #}
{% macro squares_of_side(side) -%}
    (
        {{ side }}_denominator * {{ side }}_value * {{ side }}_value
        + coalesce({{ side }}_standard_error * {{ side }}_standard_error, 0.0) * {{ side }}_denominator * ({{ side }}_denominator - 1)
    )
{%- endmacro %}
