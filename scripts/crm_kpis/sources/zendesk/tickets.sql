with

first_messages as (
    select
        ticket_id,
        min((sent_at, message_id)) as first_message,
        min((sent_at, message_id), 2) filter (where is_agent) as agent_messages
    from messages
    group by ticket_id
),

-- The first answer is a public comment of an agent that is not what opened the ticket.
answers as (
    select
        ticket_id,
        case when agent_messages[1] = first_message then agent_messages[2][1] else agent_messages[1][1] end as answered_at
    from first_messages
),

solved as (
    select
        ticket_id,
        max(changed_at) filter (where status = 'solved') as solved_at,
        max(changed_at) filter (where status = 'closed') as closed_at
    from status_changes
    group by ticket_id
),

targets as (
    select
        ticket_id,
        applied_at,
        applied_at + to_seconds(target_seconds) as due_at
    from service_level
    union all
    select
        policy_use.ticket_id,
        policy_use.applied_at,
        policy_use.applied_at + to_minutes(policy_target.target_minutes)
    from policy_use
    inner join ticket on policy_use.ticket_id = ticket.ticket_id
    inner join policy_target
        on policy_use.policy_id = policy_target.policy_id and lower(ticket.priority) = lower(policy_target.priority)
),

-- Of the policies the one applied last, of its targets the first to come.
service_levels as (
    select
        ticket_id,
        arg_max(due_at, (applied_at, -epoch(due_at))) as due_at
    from targets
    group by ticket_id
),

tickets_with_status as (
    select
        *,
        case lower(status)
            when 'new' then 'open'
            when 'open' then 'open'
            when 'pending' then 'pending'
            when 'hold' then 'pending'
            when 'on-hold' then 'pending'
            when 'solved' then 'resolved'
            when 'closed' then 'closed'
            else lower(status)
        end as contract_status
    from ticket
)

select
    tickets_with_status.ticket_id,
    tickets_with_status.created_at,
    tickets_with_status.contract_status as status,
    -- dlt and Airbyte land it in minutes, which leaves out what an agent wrote to open the ticket.
    coalesce(tickets_with_status.created_at + to_minutes(metric.reply_minutes), answers.answered_at) as first_responded_at,
    case
        when tickets_with_status.contract_status in ('resolved', 'closed')
            then coalesce(metric.solved_at, solved.solved_at, solved.closed_at)
    end as resolved_at,
    coalesce(tickets_with_status.organization_id, person.organization_id) as account_id,
    tickets_with_status.requester_id as contact_id,
    tickets_with_status.assignee_id,
    case lower(tickets_with_status.channel)
        when 'voice' then 'phone'
        when 'native_messaging' then 'chat'
        when 'mobile' then 'web'
        else lower(tickets_with_status.channel)
    end as channel,
    tickets_with_status.category,
    tickets_with_status.priority,
    case when not exists (select 1 from messages) then metric.reopen_count end as reopen_count,
    coalesce(service_levels.due_at, tickets_with_status.due_at) as due_at,
    tickets_with_status.updated_at
from tickets_with_status
left join person on tickets_with_status.requester_id = person.person_id
left join metric on tickets_with_status.ticket_id = metric.ticket_id
left join answers on tickets_with_status.ticket_id = answers.ticket_id
left join solved on tickets_with_status.ticket_id = solved.ticket_id
left join service_levels on tickets_with_status.ticket_id = service_levels.ticket_id
