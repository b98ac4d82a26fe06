-- Service tickets. Since the CRM the first response and the resolution take about half the time; it leaves alone how many
-- are reopened. Some tickets of a customer come together, about the same thing.
with

drawn as (
    select i as n, clump_of('tickets', i, 4, 0.25) as clump_n
    from numbers
    where i <= n_tickets()
),

placed as (
    select *, u('tickets.created', clump_n) as time_share
    from drawn
),

opened as (
    select
        *,
        case
            -- one in eight comes at any hour of any day
            when u('tickets.any_time', n) < 0.12
                then add_days(first_day()::timestamp, day_count() * time_share)
            else moment_in_week(week_at(support_weeks(), time_share), 'tickets.created', n)
        end as created_at,
        pick_word(['low', 'normal', 'normal', 'normal', 'high', 'urgent'], u('tickets.priority', n)) as priority
    from placed
),

assigned as (
    select
        *,
        case priority when 'low' then 1.6 when 'normal' then 1.0 when 'high' then 0.7 else 0.5 end as patience,
        case
            when u('tickets.customer', clump_n) < 0.8 then base_account(u('tickets.account', clump_n))
            else later_account(created_at, u('tickets.account', clump_n))
        end as account_n,
        seat_on('service', u('tickets.assignee', n), created_at, u('tickets.mix', n)) as assignee_seat
    from opened
),

seen as (
    select *,
        case when u('tickets.ignored', n) > 0.015
            then add_days(created_at, since_crm(created_at, 8.0, 3.0) / 24 * patience
                                      * swing(response_swings(), created_at) * skewed(u('tickets.response', n)))
        end as seen_at
    from assigned
),

responded as (
    select *, known(at_work(seen_at, u('tickets.response_time', n))) as first_responded_at
    from seen
),

solved as (
    select *,
        case when u('tickets.unsolved', n) > 0.02
            then add_days(first_responded_at, since_crm(created_at, 40.0, 16.0) / 24 * patience
                                              * swing(resolution_swings(), created_at)
                                              * (0.85 + 0.3 * u('tickets.skill', assignee_seat))
                                              * skewed(u('tickets.resolution', n)))
        end as solved_at
    from responded
),

resolved as (
    select *, known(at_work(solved_at, u('tickets.resolution_time', n))) as first_resolved_at
    from solved
),

reopened as (
    select *,
        case when u('tickets.reopened', n) < swung(0.08, swing(reopen_swings(), created_at))
            then known(add_days(first_resolved_at, 0.2 + 3 * u('tickets.reopen_days', n)))
        end as reopened_at
    from resolved
),

finished as (
    select *,
        case
            when reopened_at is null then first_resolved_at
            else known(add_days(reopened_at, 0.1 + skewed(u('tickets.second_try', n))))
        end as resolved_at,
        case
            when first_resolved_at is null or u('tickets.messages', n) < swung(0.6, 1 / swing(reopen_swings(), created_at)) then 1
            when u('tickets.messages', n) < 0.85 then 2
            else 3
        end as customer_messages
    from reopened
)

select
    finished.n,
    'T' || finished.n as ticket_id,
    finished.created_at,
    case
        when finished.resolved_at is null and u('tickets.pending', finished.n) < 0.4 then 'pending'::word
        when finished.resolved_at is null then 'open'::word
        when u('tickets.closed', finished.n) < 0.5 then 'closed'::word
        else 'resolved'::word
    end as status,
    finished.first_responded_at,
    finished.resolved_at,
    case when u('tickets.no_account', finished.n) > 0.03 then 'A' || finished.account_n end as account_id,
    case when u('tickets.no_contact', finished.n) > 0.08
        then 'C' || contact_of(finished.account_n, u('tickets.contact', finished.n))
    end as contact_id,
    case when u('tickets.no_assignee', finished.n) > 0.03 then user_on(assignees, finished.created_at::date) end
        as assignee_id,
    case when u('tickets.no_product', finished.n) > 0.1
        then 'P' || product_number(pow(u('tickets.product', finished.clump_n), 0.7))
    end as product_id,
    pick_word(['email', 'email', 'email', 'phone', 'phone', 'chat', 'web'], u('tickets.channel', finished.n)) as channel,
    case when u('tickets.no_category', finished.n) > 0.04
        then pick_word(['defect', 'question', 'question', 'billing', 'installation', 'complaint'],
                       u('tickets.category', finished.clump_n))
    end as category,
    finished.priority,
    case when u('tickets.no_count', finished.n) > 0.05 then finished.customer_messages end as contact_count,
    case when finished.reopened_at is null then 0 else 1 end as reopen_count,
    case when u('tickets.no_deadline', finished.n) > 0.1
        then add_days(finished.created_at, 3 * finished.patience)
    end as due_at,
    coalesce(finished.resolved_at, finished.reopened_at, finished.first_responded_at, finished.created_at) as updated_at,
    finished.first_resolved_at,
    finished.reopened_at,
    finished.customer_messages,
    finished.account_n
from finished
inner join users as assignees on assignees.department = 'service' and assignees.seat = finished.assignee_seat
