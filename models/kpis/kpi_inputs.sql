with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

measure_inputs as (
    select * from {{ ref('measure_inputs') }}
),

column_counts as (
    select * from {{ ref('raw_column_counts') }}
),

-- A KPI may need a file of settings, which has no days.
settings_counts as (
    {% for name in ['business_hours', 'crm_projects', 'ideal_customer_profile', 'mandatory_fields'] %}
    select
        '{{ name }}' as column_name,
        count(*) as rows_filled
    from {{ source('settings', name) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counts as (
    select
        raw_table,
        column_name,
        accepted_value,
        raw_table || '.' || column_name || coalesce(' (' || accepted_value || ')', '') as raw_input,
        is_booked_by_month,
        rows_filled,
        first_day,
        last_day,
        day_count,
        longest_silence
    from column_counts
    union all
    select
        'settings' as raw_table,
        column_name,
        cast(null as {{ dbt.type_string() }}) as accepted_value,
        'settings/' || column_name || '.csv' as raw_input,
        false as is_booked_by_month,
        rows_filled,
        cast(null as date) as first_day,
        cast(null as date) as last_day,
        0 as day_count,
        cast(null as integer) as longest_silence
    from settings_counts
),

kpi_measures as (
    select
        kpi_id,
        numerator as measure
    from catalogue
    union
    select
        kpi_id,
        denominator as measure
    from catalogue
),

measures_with_counts as (
    select
        kpi_measures.kpi_id,
        kpi_measures.measure,
        measure_inputs.input_number,
        counts.raw_input as raw_column,
        counts.is_booked_by_month,
        counts.rows_filled,
        counts.first_day,
        counts.last_day,
        counts.day_count,
        counts.longest_silence
    from kpi_measures
    inner join measure_inputs on kpi_measures.measure = measure_inputs.measure
    inner join counts
        on
            measure_inputs.raw_table = counts.raw_table
            and measure_inputs.raw_column = counts.column_name
            and measure_inputs.accepted_value is not distinct from counts.accepted_value
)

select
    kpi_id,
    measure,
    input_number,
    {{ dbt.listagg('raw_column', "' or '", 'order by raw_column') }} as raw_columns,
    max(rows_filled) > 0 as is_filled,
    bool_and(is_booked_by_month) as is_booked_by_month,
    min(first_day) as first_day,
    max(last_day) as last_day,
    max(day_count) as day_count,
    min(longest_silence) as longest_silence
from measures_with_counts
group by kpi_id, measure, input_number
