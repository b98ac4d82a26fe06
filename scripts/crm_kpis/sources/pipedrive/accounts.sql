select
    organization_id as account_id,
    name,
    industry,
    employee_count,
    annual_revenue,
    country,
    region,
    city,
    owner_id,
    created_at,
    updated_at
from organization
