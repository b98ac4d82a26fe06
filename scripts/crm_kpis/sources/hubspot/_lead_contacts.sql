-- One row per contact: whether it is a lead. One past the lifecycle stage subscriber is.
select
    contact_id,
    coalesce(lower(lifecycle_stage) not in ('subscriber', 'other'), false) as is_lead
from contact
