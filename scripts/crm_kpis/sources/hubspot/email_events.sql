with

-- An address finds a contact only where no other contact has it.
addresses as (
    select
        lower(email) as address,
        min(contact_id) as contact_id
    from contact
    where email is not null
    group by lower(email)
    having count(*) = 1
),

events as (
    select
        email_event.event_id,
        case when upper(email_event.event_type) = 'SENT' then email_event.event_id else email_event.sent_by_id end as email_id,
        email_event.campaign_id,
        addresses.contact_id,
        case upper(email_event.event_type)
            when 'SENT' then 'sent'
            when 'DELIVERED' then 'delivered'
            when 'OPEN' then 'opened'
            when 'CLICK' then 'clicked'
            when 'REPLY' then 'replied'
            when 'BOUNCE' then 'bounced'
            when 'SPAMREPORT' then 'complained'
            when 'STATUSCHANGE'
                then
                    case
                        when upper(coalesce(email_status_change.subscription_status, email_event.subscription_status)) = 'UNSUBSCRIBED'
                            then 'unsubscribed'
                    end
        end as event_type,
        email_event.occurred_at
    from email_event
    left join email_status_change on email_event.event_id = email_status_change.event_id
    left join addresses on lower(email_event.recipient) = addresses.address
)

select
    event_id,
    email_id,
    campaign_id,
    contact_id,
    event_type,
    occurred_at,
    case
        when event_type is null then 'no event of the contract'
        when email_id is null then 'without its e-mail'
    end as _left_out
from events
