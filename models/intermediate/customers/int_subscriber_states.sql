with

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

emails as (
    select * from {{ ref('fct_emails') }}
),

email_events as (
    select * from {{ ref('stg_email_events') }}
),

periods as (
    select * from {{ ref('periods') }}
),

outlook_days as (
    select * from {{ ref('int_outlook_days') }}
),

-- Each complete month is a chance to leave; the state is that of the evening before it. An outlook asks for the state of its own day.
days as (
    select
        {{ add_days('period_start', -1) }} as state_on,
        period_end as month_end,
        false as is_outlook
    from periods
    where period_grain = 'month' and is_complete
    union all
    select
        outlook_on as state_on,
        cast(null as date) as month_end,
        true as is_outlook
    from outlook_days
),

subscriber_days as (
    select
        days.state_on,
        days.month_end,
        days.is_outlook,
        intervals.account_id,
        intervals.active_from,
        intervals.active_until
    from days
    inner join intervals
        on
            days.state_on >= intervals.active_from
            and (intervals.active_until is null or days.state_on < intervals.active_until)
    where intervals.has_subscription and intervals.account_id not in ('(none)', '(unknown)')
),

subscribers as (
    select distinct account_id
    from subscriber_days
),

-- A ticket and an e-mail count on the days that follow within 90 days: which these are is asked once for each day, not for each record.
-- What is known of an e-mail is whether it was read by then.
ticket_days as (
    select
        created.created_on,
        days.state_on,
        days.is_outlook
    from (select distinct created_on from tickets) as created
    inner join days
        on created.created_on <= days.state_on and days.state_on < {{ add_days('created.created_on', 90) }}
),

subscriber_tickets as (
    select
        ticket_days.is_outlook,
        ticket_days.state_on,
        tickets.account_id,
        count(*) as tickets
    from tickets
    inner join subscribers on tickets.account_id = subscribers.account_id
    inner join ticket_days on tickets.created_on = ticket_days.created_on
    group by ticket_days.is_outlook, ticket_days.state_on, tickets.account_id
),

email_reads as (
    select
        email_id,
        min({{ local_date('occurred_at') }}) as read_on
    from email_events
    where event_type in ('opened', 'clicked', 'replied')
    group by email_id
),

subscriber_sendings as (
    select
        emails.account_id,
        emails.sent_on,
        min(email_reads.read_on) as read_on
    from emails
    inner join subscribers on emails.account_id = subscribers.account_id
    left join email_reads on emails.email_id = email_reads.email_id
    group by emails.account_id, emails.sent_on
),

email_days as (
    select
        sent.sent_on,
        days.state_on,
        days.is_outlook
    from (select distinct sent_on from subscriber_sendings) as sent
    inner join days
        on sent.sent_on <= days.state_on and days.state_on < {{ add_days('sent.sent_on', 90) }}
),

subscriber_emails as (
    select
        email_days.is_outlook,
        email_days.state_on,
        sendings.account_id,
        max(case when sendings.read_on <= email_days.state_on then 1 else 0 end) = 1 as is_read
    from subscriber_sendings as sendings
    inner join email_days on sendings.sent_on = email_days.sent_on
    group by email_days.is_outlook, email_days.state_on, sendings.account_id
),

-- The worst answer of a day stands for it.
answer_days as (
    select
        account_id,
        responded_on,
        min(score_on_1_to_5) as score_on_1_to_5,
        bool_and(is_satisfied) as is_satisfied
    from responses
    where survey_type <> 'employee' and score is not null
    group by account_id, responded_on
),

answers as (
    select
        account_id,
        is_satisfied,
        responded_on,
        least(
            {{ add_days('responded_on', 365) }},
            lead(responded_on, 1, cast('2100-01-01' as date)) over (partition by account_id order by responded_on)
        ) as holds_until
    from answer_days
)

select
    -- ids
    subscriber_days.state_on,
    subscriber_days.is_outlook,
    subscriber_days.account_id,

    -- segments
    case
        when coalesce(subscriber_tickets.tickets, 0) = 0 then 'none'
        when subscriber_tickets.tickets <= 2 then 'few'
        else 'many'
    end as ticket_level,
    case answers.is_satisfied when true then 'good' when false then 'low' else 'none' end as satisfaction_level,
    case subscriber_emails.is_read when true then 'read' when false then 'unread' else 'none' end as email_level,

    -- durations
    cast(floor({{ days_between('subscriber_days.active_from', 'subscriber_days.state_on') }} / 30.4375) as bigint) as age_months,

    -- booleans
    coalesce(subscriber_days.active_until <= subscriber_days.month_end, false) as is_lost,

    -- dates
    subscriber_days.month_end
from subscriber_days
left join subscriber_tickets
    on
        subscriber_days.is_outlook = subscriber_tickets.is_outlook
        and subscriber_days.state_on = subscriber_tickets.state_on
        and subscriber_days.account_id = subscriber_tickets.account_id
left join subscriber_emails
    on
        subscriber_days.is_outlook = subscriber_emails.is_outlook
        and subscriber_days.state_on = subscriber_emails.state_on
        and subscriber_days.account_id = subscriber_emails.account_id
left join answers
    on
        subscriber_days.account_id = answers.account_id
        and subscriber_days.state_on >= answers.responded_on
        and subscriber_days.state_on < answers.holds_until
