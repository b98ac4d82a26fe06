with

visitors as (
    select * from {{ ref('fct_web_visitors') }}
),

leads as (
    select * from {{ ref('fct_leads') }}
),

activities as (
    select * from {{ ref('fct_activities') }}
),

emails as (
    select * from {{ ref('fct_emails') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

stage_visits as (
    select * from {{ ref('fct_deal_stage_visits') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

survey_responses as (
    select * from {{ ref('fct_survey_responses') }}
),

costs as (
    select * from {{ ref('fct_costs') }}
),

-- Published as a view of tables by their names alone: by DuckDB before 1.4 a CTE named like its table would be taken for itself.
known_days as (
    select as_of from {{ ref('reporting_window') }}
),

-- A lead without an account of its own has that of its deal; of several deals, the same one in every run.
deal_accounts_by_lead as (
    select
        lead_id,
        min(account_id) as account_id
    from deals
    where lead_id is not null and account_id not in ('(none)', '(unknown)')
    group by lead_id
),

leads_with_account as (
    select
        leads.*,
        coalesce(leads.account_id, deal_accounts_by_lead.account_id) as any_account_id
    from leads
    left join deal_accounts_by_lead on leads.lead_id = deal_accounts_by_lead.lead_id
),

visits as (
    select
        coalesce(visitors.account_id, leads_with_account.any_account_id) as account_id,
        visitors.visitor_id as record_id,
        'first_visit' as event,
        visitors.channel as detail,
        visitors.first_visited_on as happened_on
    from visitors
    left join leads_with_account on visitors.lead_id = leads_with_account.lead_id
),

activities_with_account as (
    select
        activities.*,
        coalesce(
            activities.account_id,
            nullif(deals.account_id, '(none)'),
            nullif(tickets.account_id, '(none)'),
            leads_with_account.any_account_id
        ) as any_account_id
    from activities
    left join deals on activities.deal_id = deals.deal_id
    left join tickets on activities.ticket_id = tickets.ticket_id
    left join leads_with_account on activities.lead_id = leads_with_account.lead_id
),

visits_of_deals as (
    select
        deals.account_id,
        stage_visits.*
    from stage_visits
    inner join deals on stage_visits.deal_id = deals.deal_id
),

events as (
    select
        account_id,
        'web_visitors' as record_type,
        record_id,
        cast(null as {{ dbt.type_string() }}) as owner_id,
        event,
        detail,
        cast(null as decimal(18, 4)) as amount,
        cast(null as decimal(18, 4)) as score,
        happened_on
    from visits
    {%- for event, day, detail in [
        ('lead_created', 'created_on', 'source'),
        ('lead_qualified', 'qualified_on', 'score_band'),
        ('lead_converted', 'converted_on', 'source'),
        ('lead_disqualified', 'disqualified_on', 'source'),
    ] %}
    union all
    select
        any_account_id as account_id,
        'leads' as record_type,
        lead_id as record_id,
        owner_id,
        '{{ event }}' as event,
        {{ detail }} as detail,
        cast(null as decimal(18, 4)) as amount,
        score,
        {{ day }} as happened_on
    from leads_with_account
    where {{ day }} is not null
    {%- endfor %}
    union all
    select
        any_account_id as account_id,
        'activities' as record_type,
        activity_id as record_id,
        owner_id,
        'activity' as event,
        activity_type as detail,
        cast(null as decimal(18, 4)) as amount,
        cast(null as decimal(18, 4)) as score,
        occurred_on as happened_on
    from activities_with_account
    union all
    select
        account_id,
        'emails' as record_type,
        email_id as record_id,
        cast(null as {{ dbt.type_string() }}) as owner_id,
        'email_sent' as event,
        case
            when is_complained then 'complained'
            when is_unsubscribed then 'unsubscribed'
            when is_replied then 'replied'
            when is_clicked then 'clicked'
            when is_opened then 'opened'
            when is_bounced then 'bounced'
        end as detail,
        cast(null as decimal(18, 4)) as amount,
        cast(null as decimal(18, 4)) as score,
        sent_on as happened_on
    from emails
    union all
    select
        account_id,
        'deals' as record_type,
        deal_id as record_id,
        owner_id,
        'deal_created' as event,
        deal_type as detail,
        amount,
        cast(null as decimal(18, 4)) as score,
        created_on as happened_on
    from deals
    where created_on is not null
    union all
    select
        account_id,
        'deals' as record_type,
        deal_id as record_id,
        owner_id,
        'stage_entered' as event,
        stage as detail,
        cast(null as decimal(18, 4)) as amount,
        cast(null as decimal(18, 4)) as score,
        entered_on as happened_on
    from visits_of_deals
    union all
    select
        account_id,
        'deals' as record_type,
        deal_id as record_id,
        owner_id,
        case when is_won then 'deal_won' else 'deal_lost' end as event,
        case when is_lost then lost_reason end as detail,
        amount,
        cast(null as decimal(18, 4)) as score,
        closed_on as happened_on
    from deals
    where closed_on is not null
    union all
    select
        account_id,
        'orders' as record_type,
        order_id as record_id,
        cast(null as {{ dbt.type_string() }}) as owner_id,
        case when is_credit_note then 'credit_note' else 'order_placed' end as event,
        status as detail,
        amount,
        cast(null as decimal(18, 4)) as score,
        ordered_on as happened_on
    from orders
    union all
    select
        account_id,
        'subscriptions' as record_type,
        subscription_id as record_id,
        cast(null as {{ dbt.type_string() }}) as owner_id,
        'subscription_started' as event,
        product_id as detail,
        monthly_amount as amount,
        cast(null as decimal(18, 4)) as score,
        started_on as happened_on
    from subscriptions
    union all
    select
        subscriptions.account_id,
        'subscriptions' as record_type,
        subscriptions.subscription_id as record_id,
        cast(null as {{ dbt.type_string() }}) as owner_id,
        'subscription_ended' as event,
        subscriptions.product_id as detail,
        subscriptions.monthly_amount as amount,
        cast(null as decimal(18, 4)) as score,
        subscriptions.ended_on as happened_on
    from subscriptions
    inner join known_days on subscriptions.ended_on <= known_days.as_of
    union all
    select
        account_id,
        'tickets' as record_type,
        ticket_id as record_id,
        owner_id,
        'ticket_created' as event,
        category as detail,
        cast(null as decimal(18, 4)) as amount,
        cast(null as decimal(18, 4)) as score,
        created_on as happened_on
    from tickets
    union all
    select
        account_id,
        'tickets' as record_type,
        ticket_id as record_id,
        owner_id,
        'ticket_resolved' as event,
        category as detail,
        cast(null as decimal(18, 4)) as amount,
        cast(null as decimal(18, 4)) as score,
        resolved_on as happened_on
    from tickets
    where resolved_on is not null
    union all
    select
        account_id,
        'survey_responses' as record_type,
        response_id as record_id,
        owner_id,
        'survey_answered' as event,
        survey_type as detail,
        cast(null as decimal(18, 4)) as amount,
        cast(score as decimal(18, 4)) as score,
        responded_on as happened_on
    from survey_responses
    union all
    select
        account_id,
        'costs' as record_type,
        cost_id as record_id,
        cast(null as {{ dbt.type_string() }}) as owner_id,
        'cost_incurred' as event,
        purpose as detail,
        amount,
        cast(null as decimal(18, 4)) as score,
        incurred_on as happened_on
    from costs
),

{# Of two events of one day the one that comes first as a rule: the order below. -#}
{%- set words = [
    ('first_visit', 'First visit of the web site', 'Erster Besuch der Website'),
    ('lead_created', 'Lead created', 'Lead angelegt'),
    ('lead_qualified', 'Lead qualified', 'Lead qualifiziert'),
    ('lead_disqualified', 'Lead given up', 'Lead aufgegeben'),
    ('deal_created', 'Deal created', 'Deal angelegt'),
    ('email_sent', 'E-mail sent', 'E-Mail gesendet'),
    ('activity', 'Activity', 'Aktivität'),
    ('stage_entered', 'Deal entered a stage', 'Deal in neuer Phase'),
    ('deal_won', 'Deal won', 'Deal gewonnen'),
    ('deal_lost', 'Deal lost', 'Deal verloren'),
    ('lead_converted', 'Lead became a customer', 'Lead wurde Kunde'),
    ('order_placed', 'Order placed', 'Bestellung'),
    ('credit_note', 'Credit note', 'Gutschrift'),
    ('subscription_started', 'Subscription started', 'Abonnement begonnen'),
    ('ticket_created', 'Ticket created', 'Ticket angelegt'),
    ('ticket_resolved', 'Ticket resolved', 'Ticket gelöst'),
    ('survey_answered', 'Survey answered', 'Umfrage beantwortet'),
    ('subscription_ended', 'Subscription ended', 'Abonnement beendet'),
    ('cost_incurred', 'Cost incurred', 'Kosten entstanden'),
] -%}
event_words (event, event_order, what_happened_en, what_happened_de) as (
    values
    {%- for event, english, german in words %}
    ('{{ event }}', {{ loop.index }}, '{{ english }}', '{{ german }}'){{ ',' if not loop.last }}
    {%- endfor %}
)

select
    -- ids
    events.account_id,
    events.record_type,
    events.record_id,
    {{ segment('events.owner_id') }} as owner_id,

    -- segments
    events.event,
    event_words.what_happened_en,
    event_words.what_happened_de,
    nullif(events.detail, '(none)') as detail,

    -- amounts
    events.amount,

    -- numerics
    events.score,
    cast(event_words.event_order as bigint) as event_order,

    -- dates
    events.happened_on
from events
inner join event_words on events.event = event_words.event
where events.account_id is not null and events.account_id not in ('(none)', '(unknown)')
