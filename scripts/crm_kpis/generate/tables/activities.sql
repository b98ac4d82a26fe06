-- Calls, e-mails, meetings, chats, notes and tasks: about deals, leads, tickets or accounts, or among colleagues.
with

drawn as (
    select
        i as n,
        u('activities.about', i) as about,
        pick_word(['call', 'call', 'email', 'email', 'email', 'meeting', 'chat', 'note', 'task', 'task'],
                  u('activities.type', i)) as activity_type
    from numbers
    where i <= n_activities()
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
        'L' || targeted.lead_n as lead_id,
        tickets.ticket_id,
        tickets.contact_id,
        case
            when deals.n is not null then deals.account_id
            when tickets.n is not null then tickets.account_id
            when targeted.about between 0.8 and 0.9 then 'A' || base_account(u('activities.account', targeted.n))
        end as account_id,
        case
            when deals.n is not null
                then add_days(deals.created_at, u('activities.when', targeted.n)
                                                * days_between(deals.created_at, deals.last_seen_at))
            when leads.n is not null then add_days(leads.created_at, 14 * u('activities.when', targeted.n))
            when tickets.n is not null then add_days(tickets.created_at, 2 * u('activities.when', targeted.n))
            else moment_at_work(demand_weeks(), 'activities.when', targeted.n)
        end as started_at,
        case
            when deals.n is not null then 'sales'
            when tickets.n is not null then 'service'
            when leads.n is not null then 'marketing'
            else pick(['sales', 'sales', 'service', 'service', 'marketing', 'other'],
                      u('activities.department', targeted.n))
        end as department,
        -- most of what is done about a deal its owner does
        case when u('activities.owner', targeted.n) < 0.7 then deals.owner_seat end as owner_seat
    from targeted
    left join deals on targeted.deal_n = deals.n
    left join lead_outcomes as leads on targeted.lead_n = leads.n
    left join tickets on targeted.ticket_n = tickets.n
),

staffed as (
    select
        *,
        at_work(started_at, u('activities.time', n)) as occurred_at,
        coalesce(owner_seat, seat(department, u('activities.user', n))) as seat
    from timed
)

select
    staffed.n,
    'Y' || staffed.n as activity_id,
    staffed.activity_type,
    staffed.occurred_at,
    case
        when staffed.activity_type in ('note', 'task') and not staffed.is_internal then null
        when staffed.is_internal then pick_word(['chat', 'email', 'phone', 'meeting_room', 'intranet'],
                                              u('activities.channel', staffed.n))
        else case staffed.activity_type when 'call' then 'phone'::word when 'meeting' then 'video'::word else staffed.activity_type end
    end as channel,
    case
        when staffed.is_internal then 'internal'::word
        when staffed.activity_type in ('note', 'task') then null
        when u('activities.direction', staffed.n) < 0.35 then 'inbound'::word
        else 'outbound'::word
    end as direction,
    case when u('activities.no_user', staffed.n) > 0.02 then user_on(people, staffed.occurred_at::date) end as user_id,
    staffed.account_id,
    staffed.contact_id,
    staffed.lead_id,
    staffed.deal_id,
    staffed.ticket_id,
    case when staffed.activity_type in ('call', 'meeting', 'chat')
        then round(4 + 25 * skewed(u('activities.minutes', staffed.n)))::decimal(18, 0)
    end as duration_minutes,
    case when u('activities.no_automated', staffed.n) > 0.1
        then staffed.activity_type in ('email', 'task', 'note')
            and u('activities.automated', staffed.n) < swung(0.25, swing(automation_swings(), staffed.occurred_at))
    end as is_automated,
    case when staffed.activity_type = 'task' then add_days(staffed.occurred_at, 1 + 6 * u('activities.due', staffed.n)) end
        as due_at,
    -- three of four in time
    case when staffed.activity_type = 'task' and u('activities.undone', staffed.n) > 0.06
        then known(add_days(staffed.occurred_at, (1 + 6 * u('activities.due', staffed.n))
                            * (0.2 + 1.07 * u('activities.done', staffed.n) * swing(delay_swings(), staffed.occurred_at))))
    end as completed_at
from staffed
inner join users as people on people.department = staffed.department and people.seat = staffed.seat
where staffed.occurred_at < end_at()
