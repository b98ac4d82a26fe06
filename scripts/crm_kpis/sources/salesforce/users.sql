select
    crm_user.user_id,
    crm_user.name,
    crm_user.email,
    -- A role is the closest to a team.
    user_role.name as team,
    case
        when crm_user.department is null then null
        when lower(crm_user.department) like '%sales%' then 'sales'
        when lower(crm_user.department) like '%marketing%' then 'marketing'
        when lower(crm_user.department) like '%service%' or lower(crm_user.department) like '%support%' then 'service'
        else 'other'
    end as department,
    crm_user.manager_id
from crm_user
left join user_role on crm_user.role_id = user_role.role_id
