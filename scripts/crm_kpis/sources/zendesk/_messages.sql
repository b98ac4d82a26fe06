-- One row per public comment. An internal note is no message.
with

comments as (
    select
        comment_id as message_id,
        ticket_id,
        person_id,
        created_at as sent_at
    from comment
    where is_public
    union all
    select
        child_id,
        ticket_id,
        person_id,
        occurred_at
    from child_event
    where is_public
)

select
    comments.message_id,
    comments.ticket_id,
    comments.person_id,
    comments.sent_at,
    coalesce(people.is_agent, false) as is_agent
from comments
left join people on comments.person_id = people.person_id
