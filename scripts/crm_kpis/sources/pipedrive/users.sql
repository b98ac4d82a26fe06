select
    user_id,
    name,
    email,
    'sales' as department
from crm_user
