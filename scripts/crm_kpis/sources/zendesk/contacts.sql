select
    person.person_id as contact_id,
    person.organization_id as account_id,
    nullif(regexp_replace(person.name, '\s*\S+$', ''), '') as first_name,
    regexp_extract(person.name, '\S+$') as last_name,
    person.email,
    person.phone,
    person.created_at,
    person.updated_at,
    case when people.is_agent then 'agent' end as _left_out
from person
inner join people on person.person_id = people.person_id
