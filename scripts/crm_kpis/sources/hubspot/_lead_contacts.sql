-- One row per contact, with all of it: whether it is a lead. One past the lifecycle stage subscriber is.
select
    *,
    coalesce(lower(lifecycle_stage) not in ('subscriber', 'other'), false) as is_lead
from contact
