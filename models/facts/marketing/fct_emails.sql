with

events as (
    select * from {{ ref('stg_email_events') }}
),

contacts as (
    select
        contact_id,
        account_id
    from {{ ref('stg_contacts') }}
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

-- An e-mail without a 'sent' event was not seen being sent: it is dated by its first event. What was clicked or replied to was opened, and
-- what was opened has arrived, even where the tracking missed it.
emails as (
    select
        email_id,
        min(campaign_id) as campaign_id,
        min(contact_id) as contact_id,
        coalesce(min(occurred_at) filter (where event_type = 'sent'), min(occurred_at)) as sent_at,
        bool_or(event_type in ('delivered', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained')) as has_arrived,
        bool_or(event_type = 'delivered') as is_said_to_be_delivered,
        bool_or(event_type in ('opened', 'clicked', 'replied')) as is_opened,
        bool_or(event_type = 'clicked') as is_clicked,
        bool_or(event_type = 'replied') as is_replied,
        bool_or(event_type = 'bounced') as is_bounced,
        bool_or(event_type = 'unsubscribed') as is_unsubscribed,
        bool_or(event_type = 'complained') as is_complained
    from known
    group by email_id
),

emails_with_batch as (
    select
        *,
        {{ local_date('sent_at') }} as sent_on,
        coalesce(campaign_id, '') as batch_campaign,
        cast(date_trunc('month', {{ local_date('sent_at') }}) as date) as batch_month
    from emails
),

-- Not every system says of an e-mail that it was delivered. Where it does of none of a campaign and month, what was opened would be all
-- that was delivered, and the open rate 1.
batches as (
    select
        batch_campaign,
        batch_month,
        bool_or(is_said_to_be_delivered) as says_deliveries
    from emails_with_batch
    group by batch_campaign, batch_month
),

bounces as (
    select bool_or(is_bounced) as says_bounces from emails_with_batch
),

-- There, as such systems count themselves, what did not bounce was delivered, if bounces are recorded. If not, nobody knows.
emails_with_delivery as (
    select
        emails_with_batch.*,
        case
            when batches.says_deliveries then emails_with_batch.has_arrived
            when bounces.says_bounces then emails_with_batch.has_arrived or not emails_with_batch.is_bounced
        end as is_delivered
    from emails_with_batch
    inner join batches on emails_with_batch.batch_campaign = batches.batch_campaign and emails_with_batch.batch_month = batches.batch_month
    cross join bounces
)

select
    -- ids
    emails_with_delivery.email_id,
    {{ segment('campaigns.campaign_id', key='emails_with_delivery.campaign_id', found='campaigns.campaign_id') }} as campaign_id,
    emails_with_delivery.contact_id,
    contacts.account_id,

    -- segments
    {{ segment('campaigns.channel', key='emails_with_delivery.campaign_id', found='campaigns.campaign_id') }} as channel,

    -- booleans
    emails_with_delivery.is_delivered,
    emails_with_delivery.is_opened,
    emails_with_delivery.is_clicked,
    emails_with_delivery.is_replied,
    emails_with_delivery.is_bounced,
    emails_with_delivery.is_unsubscribed,
    emails_with_delivery.is_complained,

    -- dates
    emails_with_delivery.sent_on
from emails_with_delivery
left join campaigns on emails_with_delivery.campaign_id = campaigns.campaign_id
left join contacts on emails_with_delivery.contact_id = contacts.contact_id
