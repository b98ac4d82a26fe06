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

numbered_days as (
    select
        *,
        row_number() over (order by state_on, is_outlook) as day_number
    from days
),

-- Numbers are joined and counted in a fraction of the time that keys in text take.
spans as (
    select
        account_id,
        active_from,
        active_until,
        dense_rank() over (order by account_id) as account_number
    from intervals
    where has_subscription and account_id not in ('(none)', '(unknown)')
),

-- What happened when nobody had subscribed says nothing.
subscribers as (
    select
        account_id,
        account_number,
        min(active_from) as active_from,
        max(coalesce(active_until, cast('2100-01-01' as date))) as active_until
    from spans
    group by account_id, account_number
),

-- A ticket and an e-mail count on the days that follow within 90 days: which these are is asked once for each day, not for each record.
ticket_days as (
    select
        created.created_on,
        numbered_days.state_on,
        numbered_days.day_number
    from (select distinct created_on from tickets) as created
    inner join numbered_days
        on created.created_on <= numbered_days.state_on and numbered_days.state_on < {{ add_days('created.created_on', 90) }}
),

email_reads as (
    select
        email_id,
        min({{ local_date('occurred_at') }}) as read_on
    from email_events
    where event_type in ('opened', 'clicked', 'replied')
    group by email_id
),

email_days as (
    select
        sent.sent_on,
        numbered_days.state_on,
        numbered_days.day_number
    from (select distinct sent_on from emails) as sent
    inner join numbered_days
        on sent.sent_on <= numbered_days.state_on and numbered_days.state_on < {{ add_days('sent.sent_on', 90) }}
),

-- The worst answer of a day stands for it.
answer_days as (
    select
        account_id,
        responded_on,
        bool_and(is_satisfied) as is_satisfied
    from responses
    where survey_type <> 'employee' and score is not null
    group by account_id, responded_on
),

answers as (
    select
        subscribers.account_number,
        answer_days.is_satisfied,
        answer_days.responded_on as holds_from,
        least(
            {{ add_days('answer_days.responded_on', 365) }},
            lead(answer_days.responded_on, 1, cast('2100-01-01' as date)) over (
                partition by answer_days.account_id order by answer_days.responded_on
            )
        ) as holds_until
    from answer_days
    inner join subscribers on answer_days.account_id = subscribers.account_id
),

-- email: 1 sent, 2 read by then. answer: 1 satisfied, 2 not.
signs as (
    select
        subscribers.account_number,
        ticket_days.day_number,
        1 as ticket,
        0 as email,
        0 as answer
    from tickets
    inner join subscribers on tickets.account_id = subscribers.account_id
    inner join ticket_days
        on
            tickets.created_on = ticket_days.created_on
            and ticket_days.state_on between subscribers.active_from and subscribers.active_until
    union all
    select
        subscribers.account_number,
        email_days.day_number,
        0 as ticket,
        case when email_reads.read_on <= email_days.state_on then 2 else 1 end as email,
        0 as answer
    from emails
    inner join subscribers on emails.account_id = subscribers.account_id
    inner join email_days
        on
            emails.sent_on = email_days.sent_on
            and email_days.state_on between subscribers.active_from and subscribers.active_until
    left join email_reads on emails.email_id = email_reads.email_id
    union all
    select
        answers.account_number,
        numbered_days.day_number,
        0 as ticket,
        0 as email,
        case when answers.is_satisfied then 1 else 2 end as answer
    from answers
    inner join numbered_days
        on answers.holds_from <= numbered_days.state_on and answers.holds_until > numbered_days.state_on
    where answers.is_satisfied is not null
),

signs_by_day as (
    select
        account_number,
        day_number,
        sum(ticket) as tickets,
        max(email) as email,
        max(answer) as answer
    from signs
    group by account_number, day_number
),

subscriber_days as (
    select
        spans.account_number,
        numbered_days.day_number,
        case when numbered_days.is_outlook then spans.account_number end as outlook_number,
        cast(floor({{ days_between('spans.active_from', 'numbered_days.state_on') }} / 30.4375) as bigint) as age_months,
        coalesce(spans.active_until <= numbered_days.month_end, false) as is_lost
    from numbered_days
    inner join spans
        on
            numbered_days.state_on >= spans.active_from
            and (spans.active_until is null or numbered_days.state_on < spans.active_until)
),

-- Levels are numbers while they are counted. ticket_number: 1 few, 2 many.
states as (
    select
        subscriber_days.*,
        case
            when coalesce(signs_by_day.tickets, 0) = 0 then 0
            when signs_by_day.tickets <= 2 then 1
            else 2
        end as ticket_number,
        signs_by_day.answer,
        signs_by_day.email
    from subscriber_days
    left join signs_by_day
        on
            subscriber_days.account_number = signs_by_day.account_number
            and subscriber_days.day_number = signs_by_day.day_number
),

-- Those who are alike on the evening before a month are one row.
state_groups as (
    select
        day_number,
        outlook_number,
        ticket_number,
        answer,
        email,
        age_months,
        is_lost,
        count(*) as subscribers
    from states
    group by day_number, outlook_number, ticket_number, answer, email, age_months, is_lost
)

select
    -- ids
    numbered_days.state_on,
    numbered_days.is_outlook,
    coalesce(subscribers.account_id, '(none)') as account_id,

    -- segments
    case state_groups.ticket_number when 1 then 'few' when 2 then 'many' else 'none' end as ticket_level,
    case state_groups.answer when 1 then 'good' when 2 then 'low' else 'none' end as satisfaction_level,
    case state_groups.email when 2 then 'read' when 1 then 'unread' else 'none' end as email_level,

    -- numerics
    state_groups.subscribers,

    -- durations
    state_groups.age_months,

    -- booleans
    state_groups.is_lost,

    -- dates
    numbered_days.month_end
from state_groups
inner join numbered_days on state_groups.day_number = numbered_days.day_number
left join subscribers on state_groups.outlook_number = subscribers.account_number
