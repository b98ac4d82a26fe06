select
    lead_id,
    created_at,
    source,
    case when is_archived then 'disqualified' else 'new' end as status,
    owner_id,
    organization_id as account_id,
    updated_at
from lead
