-- One row per person: whether an agent. A former agent is an end-user now; whoever was ever assigned a ticket still counts as an agent.
with

assignees as (
    select assignee_id from ticket
    union
    select value from field_change
    where field = 'assignee_id'
    union
    select assignee_id from child_event
)

select
    person.person_id,
    coalesce(person.role in ('agent', 'admin'), false) or assignees.assignee_id is not null as is_agent
from person
left join assignees on person.person_id = assignees.assignee_id
