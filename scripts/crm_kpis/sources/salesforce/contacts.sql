select
    contact_id,
    account_id,
    first_name,
    last_name,
    email,
    phone,
    job_title,
    created_at,
    updated_at
from contact
