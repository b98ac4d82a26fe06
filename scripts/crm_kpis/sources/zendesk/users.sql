with

default_groups as (
    select
        membership.person_id,
        arg_min(agent_group.name, (not coalesce(membership.is_default, false), agent_group.name)) as name
    from membership
    inner join agent_group on membership.group_id = agent_group.group_id
    group by membership.person_id
)

select
    person.person_id as user_id,
    person.name,
    person.email,
    coalesce(agent_group.name, default_groups.name) as team,
    'service' as department,
    case when not people.is_agent then 'customer' end as _left_out
from person
inner join people on person.person_id = people.person_id
left join agent_group on person.default_group_id = agent_group.group_id
left join default_groups on person.person_id = default_groups.person_id
