{%- set text = dbt.type_string() -%}
with

leads as (
    select * from {{ ref('fct_leads') }}
),

lead_deals as (
    select * from {{ ref('int_lead_deals') }}
),

activities as (
    select * from {{ ref('fct_activities') }}
),

business_days as (
    select * from {{ ref('business_days') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

lead_activities as (
    select
        lead_id,
        count(*) as activities,
        max(occurred_on) as last_activity_on
    from activities
    where lead_id is not null
    group by lead_id
),

-- Where the records have no activity of any lead, none of one lead says nothing.
recorded_activities as (
    select count(*) > 0 as has_activities
    from lead_activities
),

-- A lead is decided when it becomes a deal or a customer, or is given up, whichever comes first.
leads_dated as (
    select
        leads.*,
        coalesce(lead_activities.activities, 0) as activities,
        recorded_activities.has_activities and lead_activities.lead_id is null as is_untouched,
        lead_activities.last_activity_on,
        least(
            coalesce(lead_deals.first_deal_on, cast('2100-01-01' as date)),
            coalesce(leads.converted_on, cast('2100-01-01' as date)),
            coalesce(leads.disqualified_on, cast('2100-01-01' as date))
        ) as decided_on,
        leads.is_converted
        or leads.is_won
        or leads.is_disqualified
        or leads.is_decided_on_unknown_day
        or lead_deals.lead_id is not null as is_decided
    from leads
    cross join recorded_activities
    left join lead_deals on leads.lead_id = lead_deals.lead_id
    left join lead_activities on leads.lead_id = lead_activities.lead_id
),

-- Few whole days differ, so they are counted before they are ranked.
decided_by_days as (
    select
        source,
        {{ days_between('created_on', 'decided_on') }} as decision_days,
        count(*) as decided_leads
    from leads_dated
    where is_decided and decided_on < cast('2100-01-01' as date) and decided_on >= created_on
    group by source, {{ days_between('created_on', 'decided_on') }}
),

decided_so_far as (
    select
        *,
        sum(decided_leads) over (
            partition by source order by decision_days rows between unbounded preceding and current row
        ) as leads_up_to,
        sum(decided_leads) over (partition by source) as all_leads
    from decided_by_days
),

usual_days as (
    select
        source,
        cast(all_leads as bigint) as usual_leads,
        min(decision_days) filter (where 2 * leads_up_to >= all_leads) as usual_decision_days,
        min(decision_days) filter (where 10 * leads_up_to >= 9 * all_leads) as long_decision_days
    from decided_so_far
    group by source, all_leads
),

leads_measured as (
    select
        leads_dated.*,
        usual_days.usual_leads,
        usual_days.usual_decision_days,
        usual_days.long_decision_days,
        greatest(leads_dated.created_on, leads_dated.qualified_on, leads_dated.last_activity_on) as last_moved_on,
        -- By the end of as_of: within business hours, where there are any in the settings.
        coalesce(
            last_days.business_seconds_before + last_days.business_seconds - first_days.business_seconds_before
            - greatest(least({{ seconds_between('first_days.opens_at', 'leads_dated.created_at') }}, first_days.business_seconds), 0),
            {{ seconds_between('leads_dated.created_at', wall_clock_to_utc('reporting_window.as_of', '1440')) }}
        ) as waiting_seconds,
        reporting_window.as_of
    from leads_dated
    cross join reporting_window
    left join usual_days on leads_dated.source = usual_days.source
    left join business_days as first_days
        on {{ local_date('leads_dated.created_at', business_time_zone()) }} = first_days.day
    left join business_days as last_days on reporting_window.as_of = last_days.day
    where not leads_dated.is_decided
),

leads_judged as (
    select
        *,
        {{ days_between('created_on', 'as_of') }} as age_days,
        {{ days_between('last_moved_on', 'as_of') }} as days_without_move,
        {{ days_between('last_moved_on', 'as_of') }} > {{ setting('stalled_after_days') }} as is_stalled,
        coalesce(usual_leads >= 20 and {{ days_between('created_on', 'as_of') }} > long_decision_days, false) as is_longer_than_usual
    from leads_measured
)

select
    -- ids
    lead_id,
    account_id,
    owner_id,
    campaign_id,

    -- segments
    team,
    source,
    channel,
    industry,
    country,
    score_band,

    -- words
    'Created ' || {{ written_days('age_days', 'en') }} || ' ago'
    || case
        when usual_leads >= 20
            then
                ', usually decided after ' || cast(usual_decision_days as {{ text }}) || ', nine in ten within '
                || cast(long_decision_days as {{ text }})
        else ''
    end
    || case
        when is_untouched then '; no activity so far'
        else '; no move for ' || {{ written_days('days_without_move', 'en') }}
    end as reasons_en,
    'Vor ' || {{ written_days('age_days', 'de') }} || ' angelegt'
    || case
        when usual_leads >= 20
            then
                ', üblich ist eine Entscheidung nach ' || cast(usual_decision_days as {{ text }})
                || ', neun von zehn fallen innerhalb von ' || cast(long_decision_days as {{ text }})
        else ''
    end
    || case
        when is_untouched then '; bisher keine Aktivität'
        else '; keine Bewegung seit ' || {{ written_days('days_without_move', 'de') }}
    end as reasons_de,

    -- durations
    age_days,
    days_without_move,
    usual_decision_days,
    long_decision_days,
    case when is_untouched then greatest(waiting_seconds, 0) / 3600e0 end as unanswered_hours,

    -- numerics
    score,
    activities,
    usual_leads,

    -- booleans
    is_qualified,
    is_ideal_customer,
    is_stalled,
    is_longer_than_usual,

    -- dates
    created_on,
    last_moved_on,
    last_activity_on
from leads_judged
