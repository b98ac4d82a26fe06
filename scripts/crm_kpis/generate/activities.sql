-- Calls, e-mails, meetings, chats, notes and tasks: about deals, leads, tickets or accounts, or among colleagues.
with

drawn as (
    select
        i as n,
        u('activities.about', i) as about,
        pick(['call', 'call', 'email', 'email', 'email', 'meeting', 'chat', 'note', 'task', 'task'],
             u('activities.type', i)) as activity_type
    from range(1, n_activities() + 1) as numbers(i)
),

targeted as (
    select
        *,
        case when about < 0.45 then 1 + floor(n_deals() * u('activities.target', n))::bigint end as deal_n,
        case when about between 0.45 and 0.65 then 1 + floor(n_leads() * u('activities.target', n))::bigint end as lead_n,
        case when about between 0.65 and 0.8 then 1 + floor(n_tickets() * u('activities.target', n))::bigint end as ticket_n,
        about > 0.9 as is_internal
    from drawn
),

timed as (
    select
        targeted.*,
        deals.deal_id,
        leads.lead_id,
        tickets.ticket_id,
        tickets.contact_id,
        case
            when deals.n is not null then deals.account_id
            when tickets.n is not null then tickets.account_id
            when targeted.about between 0.8 and 0.9 then 'A' || base_account(u('activities.account', targeted.n))
        end as account_id,
        case
            when deals.n is not null
                then at_work(add_days(deals.created_at, u('activities.when', targeted.n)
                                      * days_between(deals.created_at, deals.last_seen_at)), u('activities.time', targeted.n))
            when leads.n is not null
                then at_work(add_days(leads.created_at, 14 * u('activities.when', targeted.n)),
                             u('activities.time', targeted.n))
            when tickets.n is not null
                then at_work(add_days(tickets.created_at, 2 * u('activities.when', targeted.n)),
                             u('activities.time', targeted.n))
            else moment_at_work('activities.when', targeted.n)
        end as occurred_at,
        case
            when deals.n is not null and u('activities.owner', targeted.n) < 0.7 then deals.owner_n
            when tickets.n is not null then service_user(u('activities.user', targeted.n))
            when leads.n is not null then marketing_user(u('activities.user', targeted.n))
            when deals.n is not null then sales_user(u('activities.user', targeted.n))
            else ranked(n_users(), u('activities.user', targeted.n))
        end as user_n
    from targeted
    left join deals on targeted.deal_n = deals.n
    left join leads on targeted.lead_n = leads.n
    left join tickets on targeted.ticket_n = tickets.n
)

select
    timed.n,
    'Y' || timed.n as activity_id,
    timed.activity_type,
    timed.occurred_at,
    case
        when timed.activity_type in ('note', 'task') and not timed.is_internal then null
        when timed.is_internal then pick(['chat', 'email', 'phone', 'meeting_room', 'intranet'],
                                         u('activities.channel', timed.n))
        else case timed.activity_type when 'call' then 'phone' when 'meeting' then 'video' else timed.activity_type end
    end as channel,
    case
        when timed.is_internal then 'internal'
        when timed.activity_type in ('note', 'task') then null
        when u('activities.direction', timed.n) < 0.35 then 'inbound'
        else 'outbound'
    end as direction,
    case when u('activities.no_user', timed.n) > 0.02 then user_on(people, timed.occurred_at::date) end as user_id,
    timed.account_id,
    timed.contact_id,
    timed.lead_id,
    timed.deal_id,
    timed.ticket_id,
    case when timed.activity_type in ('call', 'meeting', 'chat')
        then round(4 + 25 * skewed('activities.minutes', timed.n))::decimal(18, 0)
    end as duration_minutes,
    case when u('activities.no_automated', timed.n) > 0.1
        then timed.activity_type in ('email', 'task', 'note') and u('activities.automated', timed.n) < 0.25
    end as is_automated,
    case when timed.activity_type = 'task' then add_days(timed.occurred_at, 1 + 6 * u('activities.due', timed.n)) end
        as due_at,
    -- three of four in time
    case when timed.activity_type = 'task' and u('activities.undone', timed.n) > 0.06
        then known(add_days(timed.occurred_at, (1 + 6 * u('activities.due', timed.n))
                            * (0.2 + 1.07 * u('activities.done', timed.n))))
    end as completed_at
from timed
inner join users as people on timed.user_n = people.n
where timed.occurred_at < end_at()
