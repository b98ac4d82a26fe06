-- What happened to an e-mail sent to a contact, in the days of an e-mail campaign. The CRM leaves every rate alone.
with

emails as (
    select
        numbers.i as email_n,
        campaigns.campaign_id,
        1 + floor(n_contacts() * u('emails.contact', numbers.i))::bigint as contact_n,
        campaigns.started_on + floor(campaigns.days * u('emails.day', numbers.i))::integer
            + to_seconds(office_time('emails', numbers.i)::bigint) as sent_at,
        u('emails.delivered', numbers.i) < 0.96 as is_delivered,
        u('emails.opened', numbers.i) < swung(0.38, swing(open_swings(), campaigns.started_on)) as is_opened
    from numbers
    -- the first slot of every quarter is the e-mail campaign
    inner join campaigns on floor(quarter_count() * u('emails.quarter', numbers.i))::bigint * slots() + 1 = campaigns.n
    where numbers.i <= n_emails()
),

kinds as (
    select kind, event_type::word as event_type, mean_hours
    from (
        values (0, 'sent', 0.0), (1, 'delivered', 0.01), (2, 'bounced', 0.01), (3, 'opened', 9.0), (4, 'clicked', 11.0),
        (5, 'replied', 20.0), (6, 'unsubscribed', 12.0), (7, 'complained', 14.0), (8, 'opened', 30.0)
    ) as kinds(kind, event_type, mean_hours)
),

events as (
    select emails.*, kinds.*, emails.email_n * 16 + kinds.kind as n
    from emails, kinds
    where case kinds.kind
            when 0 then true
            when 1 then is_delivered
            when 2 then not is_delivered
            when 3 then is_delivered and is_opened
            when 4 then is_delivered and is_opened and u('emails.clicked', emails.email_n) < swung(0.2, swing(click_swings(), sent_at))
            when 5 then is_delivered and is_opened and u('emails.replied', emails.email_n) < 0.04
            when 6 then is_delivered and u('emails.unsubscribed', emails.email_n) < 0.008
            when 7 then is_delivered and u('emails.complained', emails.email_n) < 0.002
            else is_delivered and is_opened and u('emails.again', emails.email_n) < 0.15
        end
)

select
    n,
    'E' || n as event_id,
    'M' || email_n as email_id,
    case when u('emails.no_campaign', email_n) > 0.06 then campaign_id end as campaign_id,
    'C' || contact_n as contact_id,
    event_type,
    add_days(sent_at, mean_hours / 24 * skewed(u('emails.delay', n))) as occurred_at
from events
