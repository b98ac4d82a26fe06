{#
    Days: of timestamps, between days, and of the calendar.

    Macros: local_date, local_hour, local_weekday, business_time_zone, wall_clock_to_utc, start_of_day, end_of_day, is_west_of_greenwich,
    days_between, weekdays_between, usual_silence, last_week_end, seconds_between, add_days, written_day, written_days, days_of,
    as_of_override, today_override.
#}

{#
    The day of a UTC timestamp in the reporting time zone, or in another.

        {{ local_date('created_at') }} as created_on
        {{ local_date('created_at', business_time_zone()) }} as created_on
#}
{% macro local_date(timestamp, time_zone=none) -%}
    {{ return(adapter.dispatch('local_date', 'crm_kpis')(timestamp, time_zone or setting('reporting_time_zone'))) }}
{%- endmacro %}

{% macro duckdb__local_date(timestamp, time_zone) -%}
    {%- if time_zone == 'UTC' -%}
        cast({{ timestamp }} as date)
    {%- else -%}
        cast(timezone({{ dbt.string_literal(time_zone) }}, timezone('UTC', {{ timestamp }})) as date)
    {%- endif -%}
{%- endmacro %}

{% macro default__local_date(timestamp, time_zone) -%}
    cast(from_utc_timestamp({{ timestamp }}, {{ dbt.string_literal(time_zone) }}) as date)
{%- endmacro %}


{#
    The hour of a UTC timestamp, 0 to 23, as the clocks of a time zone show it, and its day of the week, 1 for Monday to 7 for Sunday.

        {{ local_hour('created_at', business_time_zone()) }} as created_hour
        {{ local_weekday('created_at', business_time_zone()) }} as created_weekday
#}
{% macro local_hour(timestamp, time_zone) -%}
    {{ return(adapter.dispatch('local_hour', 'crm_kpis')(timestamp, time_zone)) }}
{%- endmacro %}

{% macro duckdb__local_hour(timestamp, time_zone) -%}
    {%- if time_zone == 'UTC' -%}
        extract(hour from {{ timestamp }})
    {%- else -%}
        extract(hour from timezone({{ dbt.string_literal(time_zone) }}, timezone('UTC', {{ timestamp }})))
    {%- endif -%}
{%- endmacro %}

{% macro default__local_hour(timestamp, time_zone) -%}
    cast(extract(hour from from_utc_timestamp({{ timestamp }}, {{ dbt.string_literal(time_zone) }})) as bigint)
{%- endmacro %}

{% macro local_weekday(timestamp, time_zone) -%}
    {{ return(adapter.dispatch('local_weekday', 'crm_kpis')(timestamp, time_zone)) }}
{%- endmacro %}

{% macro duckdb__local_weekday(timestamp, time_zone) -%}
    isodow({{ local_date(timestamp, time_zone) }})
{%- endmacro %}

{% macro default__local_weekday(timestamp, time_zone) -%}
    cast(weekday({{ local_date(timestamp, time_zone) }}) + 1 as bigint)
{%- endmacro %}


{# The time zone of the business hours: the setting business_time_zone, else the reporting time zone. #}
{% macro business_time_zone() -%}
    {{ return(setting('business_time_zone') or setting('reporting_time_zone')) }}
{%- endmacro %}


{#
    The UTC timestamp at which the clocks of a time zone show a time of day, given in minutes (540 is nine o'clock, 1440 the midnight that
    ends the day).

        {{ wall_clock_to_utc('day', '540') }} as opens_at

    time_zone  an IANA name; that of the business hours where none is given
#}
{% macro wall_clock_to_utc(day, minute, time_zone=none) -%}
    {{ return(adapter.dispatch('wall_clock_to_utc', 'crm_kpis')(day, minute, time_zone or business_time_zone())) }}
{%- endmacro %}

{% macro duckdb__wall_clock_to_utc(day, minute, time_zone) -%}
    timezone('UTC', timezone({{ dbt.string_literal(time_zone) }}, cast({{ day }} as timestamp) + to_minutes({{ minute }})))
{%- endmacro %}

{% macro default__wall_clock_to_utc(day, minute, time_zone) -%}
    to_utc_timestamp(timestampadd(minute, {{ minute }}, cast({{ day }} as timestamp)), {{ dbt.string_literal(time_zone) }})
{%- endmacro %}


{# The UTC timestamp at which a day begins in the reporting time zone. #}
{% macro start_of_day(day) -%}
    {%- set time_zone = setting('reporting_time_zone') -%}
    {{ 'cast(' ~ day ~ ' as timestamp)' if time_zone == 'UTC' else wall_clock_to_utc(day, '0', time_zone) }}
{%- endmacro %}

{# The UTC timestamp of the last second of a day in the reporting time zone. #}
{% macro end_of_day(day) -%}
    {{ start_of_day(add_days(day, 1)) }} - interval 1 second
{%- endmacro %}


{# Whether clocks of a time zone are behind UTC in January, as a value of Jinja: then the midnight of UTC is the evening before. #}
{% macro is_west_of_greenwich(time_zone) -%}
    {{ return(modules.pytz.timezone(time_zone).utcoffset(modules.datetime.datetime(2024, 1, 15)).total_seconds() < 0) }}
{%- endmacro %}


{#
    Days from one date to another, negative where the other is earlier.

        {{ days_between('created_on', 'closed_on') }} as cycle_days
#}
{% macro days_between(from_date, to_date) -%}
    {{ return(adapter.dispatch('days_between', 'crm_kpis')(from_date, to_date)) }}
{%- endmacro %}

{% macro duckdb__days_between(from_date, to_date) -%}
    date_diff('day', {{ from_date }}, {{ to_date }})
{%- endmacro %}

{% macro default__days_between(from_date, to_date) -%}
    cast(datediff({{ to_date }}, {{ from_date }}) as bigint)
{%- endmacro %}


{#
    How many days from Monday to Friday there are from one date to another, both included.

        {{ weekdays_between('period_start', 'period_end') }} as weekdays
#}
{% macro weekdays_between(first_date, last_date) -%}
    {%- set before_first = days_between("cast('1900-01-01' as date)", first_date) -%}
    {%- set after_last = '(1 + ' ~ days_between("cast('1900-01-01' as date)", last_date) ~ ')' -%}
    cast(
        5 * floor({{ after_last }} / 7.0) + least(5, {{ after_last }} % 7)
        - 5 * floor({{ before_first }} / 7.0) - least(5, {{ before_first }} % 7)
        as bigint
    )
{%- endmacro %}


{#
    The days without an event that are usual in records: up to a week, up to five times the mean distance between days with events, up to the
    longest silence before. day_count is the number of days with events from first_day to last_day; longest_silence may be NULL.

        {{ usual_silence('first_day', 'as_of', 'day_count', 'longest_silence') }}
#}
{% macro usual_silence(first_day, last_day, day_count, longest_silence) -%}
    greatest(
        7, {{ longest_silence }}, cast(floor(5.0 * ({{ days_between(first_day, last_day) }} + 1) / {{ day_count }}) as integer)
    )
{%- endmacro %}


{#
    The Sunday on which the last week ends that is over by a date: the date itself, if it is one.

        {{ last_week_end('period_end') }} as week_end
#}
{% macro last_week_end(date) -%}
    {{ add_days(date, '-((1 + ' ~ days_between("cast('1900-01-01' as date)", date) ~ ') % 7)') }}
{%- endmacro %}


{#
    Whole seconds from one timestamp to another.

        {{ seconds_between('created_at', 'resolved_at') }} as resolution_seconds
#}
{% macro seconds_between(from_timestamp, to_timestamp) -%}
    {{ return(adapter.dispatch('seconds_between', 'crm_kpis')(from_timestamp, to_timestamp)) }}
{%- endmacro %}

{# date_diff counts boundaries crossed: of milliseconds cut to seconds it counts what elapsed. #}
{% macro duckdb__seconds_between(from_timestamp, to_timestamp) -%}
    date_sub('second', {{ from_timestamp }}, {{ to_timestamp }})
{%- endmacro %}

{% macro default__seconds_between(from_timestamp, to_timestamp) -%}
    timestampdiff(second, {{ from_timestamp }}, {{ to_timestamp }})
{%- endmacro %}


{# A date some days later. #}
{% macro add_days(date, days) -%}
    {{ return(adapter.dispatch('add_days', 'crm_kpis')(date, days)) }}
{%- endmacro %}

{% macro duckdb__add_days(date, days) -%}
    cast({{ date }} + cast({{ days }} as integer) as date)
{%- endmacro %}

{% macro default__add_days(date, days) -%}
    date_add({{ date }}, cast({{ days }} as int))
{%- endmacro %}


{#
    A date as people of a language write it: 2026-12-31 in English, 31.12.2026 in German.

        'fällig am ' || {{ written_day('due_on', 'de') }} as why_de
#}
{% macro written_day(date, language) -%}
    {%- set text = 'cast(' ~ date ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {%- if language == 'de' -%}
        substr({{ text }}, 9, 2) || '.' || substr({{ text }}, 6, 2) || '.' || substr({{ text }}, 1, 4)
    {%- else -%}
        {{ text }}
    {%- endif -%}
{%- endmacro %}


{#
    A number of days in words of a language, in German in the dative: 1 day, 2 days; 1 Tag, 2 Tagen.

        'seit ' || {{ written_days('stage_days', 'de') }} as why_de
#}
{% macro written_days(days, language) -%}
    {%- set one, more = {'en': (' day', ' days'), 'de': (' Tag', ' Tagen')}[language] -%}
    cast({{ days }} as {{ dbt.type_string() }}) || case when {{ days }} = 1 then '{{ one }}' else '{{ more }}' end
{%- endmacro %}


{#
    Renders a query of one column, `day`: every day from one date to another, both in it. The bounds are columns of `relation`, of one row.

        {{ days_of('reporting_window', 'first_day', 'as_of') }}
#}
{% macro days_of(relation, first_day, last_day) -%}
    {{ return(adapter.dispatch('days_of', 'crm_kpis')(relation, first_day, last_day)) }}
{%- endmacro %}

{% macro duckdb__days_of(relation, first_day, last_day) -%}
    select cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date) as day
    from {{ relation }}
{%- endmacro %}

{% macro default__days_of(relation, first_day, last_day) -%}
    select explode(sequence({{ first_day }}, {{ last_day }}, interval 1 day)) as day
    from {{ relation }}
{%- endmacro %}


{#
    The last day that counts as a date: that of the environment variable CRM_KPIS_AS_OF, else of the setting as_of; NULL where
    neither is given.
#}
{% macro as_of_override() -%}
    {%- set day = setting('as_of') -%}
    cast({{ dbt.string_literal(day) if day else 'null' }} as date)
{%- endmacro %}


{#
    The last day that an event may move as_of to, as a date: what the environment variable CRM_KPIS_TODAY names, which `crm-kpis run` sets,
    else the last day of the calendar. The models never read the clock.

        {{ today_override() }}
#}
{% macro today_override() -%}
    cast({{ dbt.string_literal(env_var('CRM_KPIS_TODAY', '') or '2099-12-31') }} as date)
{%- endmacro %}
