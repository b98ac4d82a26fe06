with

events as (
    select * from {{ ref('stg_email_events') }}
),

campaigns as (
    select * from {{ ref('dim_campaigns') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

known as (
    select events.*
    from events
    cross join reporting_window
    where {{ local_date('events.occurred_at') }} <= reporting_window.as_of
),

-- An e-mail without a 'sent' event was not seen being sent: it is dated by its first event. What was clicked or replied to was delivered
-- and opened, and what was opened was delivered, even where the tracking missed it.
emails as (
    select
        email_id,
        min(campaign_id) as campaign_id,
        min(contact_id) as contact_id,
        coalesce(min(occurred_at) filter (where event_type = 'sent'), min(occurred_at)) as sent_at,
        bool_or(event_type in ('delivered', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained')) as is_delivered,
        bool_or(event_type in ('opened', 'clicked', 'replied')) as is_opened,
        bool_or(event_type = 'clicked') as is_clicked,
        bool_or(event_type = 'replied') as is_replied,
        bool_or(event_type = 'bounced') as is_bounced,
        bool_or(event_type = 'unsubscribed') as is_unsubscribed,
        bool_or(event_type = 'complained') as is_complained
    from known
    group by email_id
)

select
    -- ids
    emails.email_id,
    {{ segment('campaigns.campaign_id', key='emails.campaign_id', found='campaigns.campaign_id') }} as campaign_id,
    emails.contact_id,

    -- segments
    {{ segment('campaigns.channel', key='emails.campaign_id', found='campaigns.campaign_id') }} as channel,

    -- booleans
    emails.is_delivered,
    emails.is_opened,
    emails.is_clicked,
    emails.is_replied,
    emails.is_bounced,
    emails.is_unsubscribed,
    emails.is_complained,

    -- dates
    {{ local_date('emails.sent_at') }} as sent_on
from emails
left join campaigns on emails.campaign_id = campaigns.campaign_id
