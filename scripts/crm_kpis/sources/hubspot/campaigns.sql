select
    campaign_id,
    name,
    'email' as channel
from email_campaign
