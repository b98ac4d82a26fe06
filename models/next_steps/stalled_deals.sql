{%- set text = dbt.type_string() -%}
with

deals as (
    select * from {{ ref('fct_deals') }}
),

stage_visits as (
    select * from {{ ref('fct_deal_stage_visits') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Where the records have no activity of any deal, none of one deal says nothing.
recorded_activities as (
    select count(last_activity_on) > 0 as has_activities
    from deals
),

-- Few whole days differ, so they are counted before they are ranked.
visits_by_days as (
    select
        pipeline,
        stage,
        stage_days,
        count(*) as visits
    from stage_visits
    where has_ended
    group by pipeline, stage, stage_days
),

visits_so_far as (
    select
        *,
        sum(visits) over (
            partition by pipeline, stage order by stage_days rows between unbounded preceding and current row
        ) as visits_up_to,
        sum(visits) over (partition by pipeline, stage) as all_visits
    from visits_by_days
),

-- The days within which half of the visits had ended, and nine in ten.
usual_days as (
    select
        pipeline,
        stage,
        cast(all_visits as bigint) as usual_visits,
        min(stage_days) filter (where 2 * visits_up_to >= all_visits) as usual_stage_days,
        min(stage_days) filter (where 10 * visits_up_to >= 9 * all_visits) as long_stage_days
    from visits_so_far
    group by pipeline, stage, all_visits
),

deals_measured as (
    select
        deals.*,
        recorded_activities.has_activities,
        usual_days.usual_visits,
        usual_days.usual_stage_days,
        usual_days.long_stage_days,
        {{ days_between('deals.stage_entered_on', 'reporting_window.as_of') }} as stage_days,
        case
            when deals.expected_close_on < reporting_window.as_of
                then {{ days_between('deals.expected_close_on', 'reporting_window.as_of') }}
        end as overdue_days,
        {{ days_between('deals.last_activity_on', 'reporting_window.as_of') }} as days_without_activity,
        greatest(deals.stage_entered_on, deals.last_activity_on, deals.expected_close_on)
        < {{ add_days('reporting_window.as_of', -365) }} as is_dormant
    from deals
    cross join reporting_window
    cross join recorded_activities
    left join usual_days on deals.pipeline = usual_days.pipeline and deals.stage = usual_days.stage
    where deals.is_open
),

-- The ninth of ten of a handful of visits is chance.
deals_judged as (
    select
        *,
        coalesce(usual_visits >= 20 and stage_days > long_stage_days, false) as is_longer_than_usual,
        overdue_days is not null as is_overdue
    from deals_measured
)

select
    -- ids
    deal_id,
    account_id,
    owner_id,
    product_id,

    -- segments
    team,
    pipeline,
    stage,
    source,

    -- words
    case
        when stage = '(none)' then 'No change of stage for '
        else 'In stage ' || stage || ' for '
    end || {{ written_days('stage_days', 'en') }}
    || case
        when usual_visits >= 20
            then
                ', usual are ' || cast(usual_stage_days as {{ text }})
                || ', nine in ten take up to ' || cast(long_stage_days as {{ text }})
        else ''
    end
    || coalesce('; expected close passed ' || {{ written_days('overdue_days', 'en') }} || ' ago', '')
    || coalesce(
        '; last activity ' || {{ written_days('days_without_activity', 'en') }} || ' ago',
        case when has_activities then '; no activity so far' else '' end
    ) as reasons_en,
    case
        when stage = '(none)' then 'Kein Phasenwechsel seit '
        else 'In Phase ' || stage || ' seit '
    end || {{ written_days('stage_days', 'de') }}
    || case
        when usual_visits >= 20
            then
                ', üblich sind ' || cast(usual_stage_days as {{ text }}) || ', neun von zehn brauchen bis zu '
                || cast(long_stage_days as {{ text }})
        else ''
    end
    || coalesce('; erwarteter Abschluss seit ' || {{ written_days('overdue_days', 'de') }} || ' überschritten', '')
    || coalesce(
        '; letzte Aktivität vor ' || {{ written_days('days_without_activity', 'de') }},
        case when has_activities then '; bisher keine Aktivität' else '' end
    ) as reasons_de,

    -- amounts
    amount,

    -- durations
    stage_days,
    usual_stage_days,
    long_stage_days,
    overdue_days,
    days_without_activity,

    -- numerics
    usual_visits,

    -- booleans
    is_stalled,
    is_longer_than_usual,
    is_overdue,
    is_dormant,

    -- dates
    created_on,
    stage_entered_on,
    last_activity_on,
    expected_close_on
from deals_judged
where is_stalled or is_longer_than_usual or is_overdue
