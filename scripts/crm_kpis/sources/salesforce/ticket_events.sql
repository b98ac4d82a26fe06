with

-- Without the list of statuses, what says closed is closed.
statuses as (
    select distinct
        case_change.new_value as label,
        coalesce(case_status.is_closed, lower(case_change.new_value) like '%closed%') as is_closed
    from case_change
    left join case_status on case_change.new_value = case_status.label
    where case_change.field = 'Status'
),

events as (
    select
        case_change.change_id as event_id,
        case_change.case_id,
        case
            when case_change.field = 'Owner' then 'assigned'
            when new_status.is_closed and not coalesce(old_status.is_closed, false) then 'resolved'
            when old_status.is_closed and not coalesce(new_status.is_closed, false) then 'reopened'
        end as event_type,
        case_change.changed_at as occurred_at,
        case_change.user_id
    from case_change
    left join statuses as new_status on case_change.field = 'Status' and case_change.new_value = new_status.label
    left join statuses as old_status on case_change.field = 'Status' and case_change.old_value = old_status.label
    union all
    select
        message_id,
        case_id,
        case when is_incoming then 'customer_message' else 'agent_message' end,
        sent_at,
        case when not is_incoming then user_id end
    from email_message
)

select
    events.event_id,
    events.case_id as ticket_id,
    events.event_type,
    events.occurred_at,
    events.user_id,
    case
        when support_case.case_id is null then 'of a ticket left out'
        when events.event_type is null then 'neither opened, closed nor assigned'
    end as _left_out
from events
left join support_case on events.case_id = support_case.case_id
