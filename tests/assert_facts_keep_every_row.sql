-- Every join of a fact keeps the rows of its left side, once: it has as many rows as its raw table has up to as_of.
with

reporting_window as (
    select as_of from {{ ref('reporting_window') }}
),

expected as (
    {% for table, fact, day in [
        ('deals', 'fct_deals', local_date('coalesce(created_at, closed_at)')),
        ('leads', 'fct_leads', local_date('created_at')),
        ('tickets', 'fct_tickets', local_date('created_at')),
        ('survey_responses', 'fct_survey_responses', local_date('responded_at')),
        ('orders', 'fct_orders', local_date('ordered_at')),
        ('subscriptions', 'fct_subscriptions', 'started_on'),
        ('campaign_days', 'fct_campaign_days', 'day'),
        ('costs', 'fct_costs', 'incurred_on'),
        ('activities', 'fct_activities', local_date('occurred_at')),
    ] %}
    select
        '{{ fact }}' as fact,
        (
            select count(*) from {{ ref('stg_' ~ table) }}
            where {{ day }} <= (select reporting_window.as_of from reporting_window)
        ) as rows_staged,
        (select count(*) from {{ ref(fact) }}) as rows_in_fact
    {{ 'union all' if not loop.last }}
    {% endfor %}
    union all
    select
        'fct_emails' as fact,
        (
            select count(distinct email_id) from {{ ref('stg_email_events') }}
            where {{ local_date('occurred_at') }} <= (select reporting_window.as_of from reporting_window)
        ) as rows_staged,
        (select count(*) from {{ ref('fct_emails') }}) as rows_in_fact
    union all
    select
        'fct_web_visitors' as fact,
        (
            select count(distinct visitor_id) from {{ ref('stg_web_sessions') }}
            where {{ local_date('started_at') }} <= (select reporting_window.as_of from reporting_window)
        ) as rows_staged,
        (select count(*) from {{ ref('fct_web_visitors') }}) as rows_in_fact
)

select *
from expected
where rows_staged <> rows_in_fact
