{#
    Each rule is a CTE that renders the same columns; rules that the settings turn off have no rows. Steps:
    rules         the rules with their limits: those of alert_rules.csv before their own
    <rule>        what the rule finds
    alerts_found  all of it; a deal that two rules find has one row
#}
{% set rules = {
    'deal_long_in_stage': 0, 'deal_overdue': 0, 'lead_unanswered': 24, 'ticket_due': 1, 'customer_at_risk': 0, 'kpi_worsened': 0,
    'target_behind': 0,
} %}

-- noqa: disable=references.keywords
with

alert_rules as (
    select * from {{ source('settings', 'alert_rules') }}
),

stalled_deals as (
    select * from {{ ref('stalled_deals') }}
),

open_leads as (
    select * from {{ ref('open_leads') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

customer_outlook as (
    select * from {{ ref('customer_outlook') }}
),

scorecard as (
    select * from {{ ref('kpi_scorecard') }}
),

target_status as (
    select * from {{ ref('kpi_target_status') }}
),

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

business_days as (
    select * from {{ ref('business_days') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

business_time as (
    select count(*) > 0 as has_business_hours from business_days
),

default_rules as (
    {% for rule, limit in rules.items() %}
    select
        '{{ rule }}' as rule,
        {{ limit }} as limit_value
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

rules as (
    select
        default_rules.rule,
        coalesce(
            alert_rules.limit_value,
            -- A day of business, where hours are those of business.
            case when default_rules.rule = 'lead_unanswered' and business_time.has_business_hours then 8 end,
            default_rules.limit_value
        ) as limit_value,
        reporting_window.as_of
    from default_rules
    cross join reporting_window
    cross join business_time
    left join alert_rules on default_rules.rule = alert_rules.rule
    where coalesce(alert_rules.is_on, 'on') = 'on'
),

overdue_deals as (
    select
        stalled_deals.deal_id,
        stalled_deals.overdue_days > 30 as is_urgent,
        {{ add_days('stalled_deals.expected_close_on', 'rules.limit_value + 1') }} as since_on
    from stalled_deals
    inner join rules on rules.rule = 'deal_overdue' and stalled_deals.overdue_days > rules.limit_value
),

-- That a deal is overdue, too, is in the reasons of stalled_deals.
deal_long_in_stage as (
    select
        rules.rule,
        'deal' as subject_type,
        stalled_deals.deal_id as subject_id,
        stalled_deals.account_id,
        stalled_deals.owner_id,
        case
            when stalled_deals.stage_days > 2 * stalled_deals.long_stage_days or overdue_deals.is_urgent then 'high'
            else 'middle'
        end as urgency,
        stalled_deals.reasons_en as why_en,
        stalled_deals.reasons_de as why_de,
        cast(stalled_deals.amount as double) as amount,
        least(
            {{ add_days('stalled_deals.stage_entered_on', 'stalled_deals.long_stage_days + 1') }}, overdue_deals.since_on
        ) as since_on
    from stalled_deals
    inner join rules on rules.rule = 'deal_long_in_stage' and stalled_deals.stage_days > rules.limit_value
    left join overdue_deals on stalled_deals.deal_id = overdue_deals.deal_id
    where stalled_deals.is_longer_than_usual
),

deal_overdue as (
    select
        rules.rule,
        'deal' as subject_type,
        stalled_deals.deal_id as subject_id,
        stalled_deals.account_id,
        stalled_deals.owner_id,
        case when overdue_deals.is_urgent then 'high' else 'middle' end as urgency,
        'expected close was ' || {{ written_day('stalled_deals.expected_close_on', 'en') }} as why_en,
        'erwarteter Abschluss war am ' || {{ written_day('stalled_deals.expected_close_on', 'de') }} as why_de,
        cast(stalled_deals.amount as double) as amount,
        overdue_deals.since_on
    from overdue_deals
    inner join stalled_deals on overdue_deals.deal_id = stalled_deals.deal_id
    cross join rules
    where
        rules.rule = 'deal_overdue'
        and not exists (
            select 1
            from deal_long_in_stage
            where deal_long_in_stage.subject_id = overdue_deals.deal_id
        )
),

-- A lead that has stalled is one for open_leads: nobody is waiting for the answer any more.
lead_unanswered as (
    select
        rules.rule,
        'lead' as subject_type,
        open_leads.lead_id as subject_id,
        coalesce(open_leads.account_id, '(none)') as account_id,
        open_leads.owner_id,
        case when open_leads.score >= 60 or open_leads.is_ideal_customer then 'high' else 'middle' end as urgency,
        'no activity since it came on ' || {{ written_day('open_leads.created_on', 'en') }} as why_en,
        'keine Aktivität seit dem Eingang am ' || {{ written_day('open_leads.created_on', 'de') }} as why_de,
        cast(null as double) as amount,
        open_leads.created_on as since_on
    from open_leads
    inner join rules on rules.rule = 'lead_unanswered' and open_leads.unanswered_hours >= rules.limit_value
    where not open_leads.is_stalled
),

-- Where the records neither end a ticket nor say how one stands, none is known to be open.
recorded_ticket_states as (
    select count(open_until) + count(status) > 0 as are_there
    from tickets
),

ticket_due as (
    select
        rules.rule,
        'ticket' as subject_type,
        tickets.ticket_id as subject_id,
        tickets.account_id,
        tickets.owner_id,
        case when {{ local_date('tickets.due_at') }} <= rules.as_of then 'high' else 'middle' end as urgency,
        'not resolved, due on ' || {{ written_day(local_date('tickets.due_at'), 'en') }} as why_en,
        'nicht gelöst, fällig am ' || {{ written_day(local_date('tickets.due_at'), 'de') }} as why_de,
        cast(null as double) as amount,
        greatest(tickets.created_on, {{ add_days(local_date('tickets.due_at'), '-ceil(rules.limit_value)') }}) as since_on
    from tickets
    inner join rules
        on
            rules.rule = 'ticket_due'
            and {{ local_date('tickets.due_at') }} <= {{ add_days('rules.as_of', 'ceil(rules.limit_value)') }}
    cross join recorded_ticket_states
    where tickets.open_until is null and recorded_ticket_states.are_there
),

-- Since when the risk is higher is not known to the day: since the purchase that was due, if one is overdue.
customer_at_risk as (
    select
        rules.rule,
        'customer' as subject_type,
        customer_outlook.account_id as subject_id,
        customer_outlook.account_id,
        customer_outlook.owner_id,
        case when customer_outlook.value_group = 'high' then 'high' else 'middle' end as urgency,
        customer_outlook.reasons_en as why_en,
        customer_outlook.reasons_de as why_de,
        customer_outlook.revenue_at_risk_365_days as amount,
        case when customer_outlook.is_purchase_overdue then customer_outlook.next_purchase_due_on else rules.as_of end as since_on
    from customer_outlook
    inner join rules
        on rules.rule = 'customer_at_risk' and coalesce(customer_outlook.revenue_at_risk_365_days, 0) >= rules.limit_value
    where
        customer_outlook.risk_group in ('high', 'lost')
        and customer_outlook.risk_group_90_days_ago in ('low', 'middle')
        and customer_outlook.value_group in ('high', 'middle')
        and customer_outlook.is_regular
),

-- Of a KPI the shortest period that is worse, once.
worse_kpis as (
    select
        *,
        row_number() over (
            partition by kpi_id order by
                case period_grain when 'month' then 1 when 'quarter' then 2 else 3 end asc,
                verdict desc,
                comparison asc
        ) as place
    from scorecard
    where segment_by = 'all' and verdict in ('worsened', 'probably worsened')
),

kpi_worsened as (
    select
        rules.rule,
        'kpi' as subject_type,
        worse_kpis.kpi_id as subject_id,
        '(none)' as account_id,
        '(none)' as owner_id,
        case worse_kpis.verdict when 'worsened' then 'high' else 'middle' end as urgency,
        catalogue.label_en || ' in ' || worse_kpis.period_name || ' is worse than in ' || worse_kpis.compared_with as why_en,
        catalogue.label_de || ' in ' || worse_kpis.period_name || ' ist schlechter als in ' || worse_kpis.compared_with as why_de,
        cast(null as double) as amount,
        worse_kpis.period_end as since_on
    from worse_kpis
    inner join catalogue on worse_kpis.kpi_id = catalogue.kpi_id
    inner join rules on rules.rule = 'kpi_worsened'
    where worse_kpis.place = 1
),

-- A target is judged in the month in which it is due, not in those after it.
latest_targets as (
    select
        *,
        row_number() over (partition by target_id order by period_end desc) as recency
    from target_status
    where is_complete and kpi_value is not null and (due_on is null or period_start <= due_on)
),

target_behind as (
    select
        rules.rule,
        'target' as subject_type,
        latest_targets.target_id as subject_id,
        '(none)' as account_id,
        case latest_targets.segment_by when 'owner' then latest_targets.segment else '(none)' end as owner_id,
        case latest_targets.status when 'missed' then 'high' else 'middle' end as urgency,
        latest_targets.target_name || case latest_targets.status when 'missed' then ': missed' else ': behind' end
        || ' in ' || latest_targets.period_name as why_en,
        latest_targets.target_name || case latest_targets.status when 'missed' then ': verfehlt' else ': im Rückstand' end
        || ' in ' || latest_targets.period_name as why_de,
        cast(null as double) as amount,
        latest_targets.period_end as since_on
    from latest_targets
    inner join rules on rules.rule = 'target_behind'
    where latest_targets.recency = 1 and latest_targets.status in ('behind', 'missed')
),

alerts_found as (
    {% for rule in rules %}
    select
        rule,
        subject_type,
        subject_id,
        account_id,
        owner_id,
        urgency,
        why_en,
        why_de,
        amount,
        since_on
    from {{ rule }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    -- ids
    alerts_found.rule,
    alerts_found.subject_type,
    alerts_found.subject_id,
    alerts_found.account_id,
    alerts_found.owner_id,

    -- segments
    coalesce(users.team, '(none)') as team,
    -- What has been so for a year is to be cleared up some day, not looked at today.
    case when alerts_found.since_on < {{ add_days('reporting_window.as_of', -365) }} then 'low' else alerts_found.urgency end as urgency,

    -- words
    alerts_found.why_en,
    alerts_found.why_de,

    -- amounts
    alerts_found.amount,

    -- booleans: as in a first publication
    true as is_new,

    -- dates
    reporting_window.as_of as known_since_on,
    alerts_found.since_on
from alerts_found
cross join reporting_window
left join users on alerts_found.owner_id = users.user_id
