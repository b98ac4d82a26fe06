select
    campaign_id,
    name,
    channel,
    started_on,
    ended_on,
    budget,
    currency
from campaign
