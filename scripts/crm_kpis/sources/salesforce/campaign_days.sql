-- A campaign has one total: all of it on its first day.
select
    campaign_id,
    coalesce(started_on, day_of(created_at)) as day,
    cost,
    currency,
    case when cost is null then 'campaign without an actual cost' end as _left_out
from campaign
