with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

inputs as (
    select * from {{ ref('kpi_inputs') }}
    where first_day is not null
),

look_backs as (
    select * from {{ ref('int_look_backs') }}
),

column_counts as (
    select * from {{ ref('raw_column_counts') }}
    where accepted_value is null and first_day is not null
),

maturities as (
    select * from {{ ref('int_maturities') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- The records of a KPI begin with the first event of any of its inputs.
inputs_begun as (
    select
        inputs.kpi_id,
        inputs.is_booked_by_month,
        inputs.first_day,
        inputs.last_day,
        inputs.day_count,
        inputs.longest_silence,
        min(inputs.first_day) over (partition by inputs.kpi_id) as begins_on,
        coalesce(catalogue.matures_in_days, 0) as matures_in_days,
        reporting_window.as_of
    from inputs
    inner join catalogue on inputs.kpi_id = catalogue.kpi_id
    cross join reporting_window
),

-- A silence at either end is usual while outcomes may still come, too. What is booked by the month is known for the months that are booked.
inputs_with_silence as (
    select
        *,
        case
            when is_booked_by_month then 0
            else matures_in_days + {{ usual_silence('begins_on', 'as_of', 'day_count', 'longest_silence') }}
        end as usual_silence
    from inputs_begun
),

kpis_recorded as (
    select
        kpi_id,
        max(case when {{ days_between('begins_on', 'first_day') }} > usual_silence then first_day else begins_on end) as recorded_from,
        min(case when {{ days_between('last_day', 'as_of') }} > usual_silence then last_day else as_of end) as recorded_until
    from inputs_with_silence
    group by kpi_id
),

-- What closes was created before, and what is open, too. When nothing new comes any more, only long ones are left to close.
beginnings (look_back, raw_table, column_name) as (
    values
    ('sales cycle', 'deals', 'created_at'),
    ('payment', 'deals', 'created_at'),
    ('closing', 'deals', 'created_at'),
    ('open deals', 'deals', 'created_at'),
    ('stalled', 'deals', 'created_at'),
    ('stage', 'deal_stages', 'entered_at'),
    ('resolution', 'tickets', 'created_at'),
    ('open tickets', 'tickets', 'created_at')
),

beginnings_dried_up as (
    select
        beginnings.look_back,
        column_counts.last_day as begun_until
    from beginnings
    inner join column_counts
        on beginnings.raw_table = column_counts.raw_table and beginnings.column_name = column_counts.column_name
    cross join reporting_window
    where
        {{ days_between('column_counts.last_day', 'reporting_window.as_of') }} > {{ usual_silence(
            'column_counts.first_day', 'reporting_window.as_of', 'column_counts.day_count', 'column_counts.longest_silence'
        ) }}
),

-- What looks back needs records of the days before. Where the look-back names no day of its own they begin with the KPI's.
kpis_shortened as (
    select
        catalogue.kpi_id,
        kpis_recorded.recorded_from,
        kpis_recorded.recorded_until,
        beginnings_dried_up.begun_until,
        greatest(0, catalogue.matures_in_days, maturities.days, max(look_backs.days_ahead)) as matures_in_days,
        max({{ add_days('coalesce(look_backs.counts_from, kpis_recorded.recorded_from)', 'look_backs.days') }}) as looked_back_from
    from catalogue
    inner join kpis_recorded on catalogue.kpi_id = kpis_recorded.kpi_id
    left join look_backs on catalogue.look_back = look_backs.look_back
    left join maturities on catalogue.waits_for = maturities.waits_for
    left join beginnings_dried_up on catalogue.look_back = beginnings_dried_up.look_back
    group by
        catalogue.kpi_id,
        kpis_recorded.recorded_from,
        kpis_recorded.recorded_until,
        catalogue.matures_in_days,
        maturities.days,
        beginnings_dried_up.begun_until
)

select
    kpi_id,
    recorded_from,
    recorded_until,
    greatest(recorded_from, looked_back_from) as covered_from,
    begun_until,
    {{ add_days('recorded_until', '-matures_in_days') }} as matured_until
from kpis_shortened
