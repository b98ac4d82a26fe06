with

emails as (
    select
        person_id,
        arg_min(address, (not coalesce(is_primary, false), address)) as address
    from person_email
    group by person_id
),

phones as (
    select
        person_id,
        arg_min(phone, (not coalesce(is_primary, false), phone)) as phone
    from person_phone
    group by person_id
)

select
    person.person_id as contact_id,
    person.organization_id as account_id,
    person.first_name,
    person.last_name,
    coalesce(emails.address, person.email) as email,
    coalesce(phones.phone, person.phone) as phone,
    person.job_title,
    person.created_at,
    person.updated_at
from person
left join emails on person.person_id = emails.person_id
left join phones on person.person_id = phones.person_id
