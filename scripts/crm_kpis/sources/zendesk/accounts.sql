select
    organization_id as account_id,
    name,
    country,
    created_at,
    updated_at
from organization
