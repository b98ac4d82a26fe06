{%- set text = dbt.type_string() -%}
with

users as (
    select * from {{ ref('dim_users') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

open_leads as (
    select * from {{ ref('open_leads') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

activities as (
    select * from {{ ref('fct_activities') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

deals_by_owner as (
    select
        owner_id,
        count(*) as open_deals,
        count(*) filter (where is_stalled) as stalled_deals
    from deals
    where is_open
    group by owner_id
),

-- A lead that nobody has touched for a month and more is a list to clean up, not work of today.
leads_by_owner as (
    select
        owner_id,
        count(*) as open_leads
    from open_leads
    where not is_stalled
    group by owner_id
),

-- Where the records neither end a ticket nor say how one stands, none is known to be open. So it is with tasks, which have no status.
recorded_ticket_states as (
    select count(open_until) + count(status) > 0 as are_there
    from tickets
),

recorded_task_ends as (
    select count(completed_on) > 0 as are_there
    from activities
),

tickets_by_owner as (
    select
        tickets.owner_id,
        count(*) as open_tickets,
        count(*) filter (where {{ local_date('tickets.due_at') }} < reporting_window.as_of) as overdue_tickets
    from tickets
    cross join reporting_window
    cross join recorded_ticket_states
    where tickets.open_until is null and recorded_ticket_states.are_there
    group by tickets.owner_id
),

tasks_by_owner as (
    select
        activities.owner_id,
        count(*) filter (
            where activities.due_on between reporting_window.as_of and {{ add_days('reporting_window.as_of', 7) }}
        ) as tasks_due,
        count(*) filter (where activities.due_on < reporting_window.as_of) as overdue_tasks
    from activities
    cross join reporting_window
    cross join recorded_task_ends
    where activities.due_on is not null and activities.completed_on is null and recorded_task_ends.are_there
    group by activities.owner_id
),

users_with_counts as (
    select
        users.user_id,
        users.team,
        users.department,
        coalesce(deals_by_owner.open_deals, 0) as open_deals,
        coalesce(deals_by_owner.stalled_deals, 0) as stalled_deals,
        coalesce(leads_by_owner.open_leads, 0) as open_leads,
        coalesce(tickets_by_owner.open_tickets, 0) as open_tickets,
        coalesce(tickets_by_owner.overdue_tickets, 0) as overdue_tickets,
        coalesce(tasks_by_owner.tasks_due, 0) as tasks_due,
        coalesce(tasks_by_owner.overdue_tasks, 0) as overdue_tasks,
        coalesce(users.left_on <= reporting_window.as_of, false) as has_left,
        coalesce(users.hired_on > reporting_window.as_of, false) as is_not_there_yet
    from users
    cross join reporting_window
    left join deals_by_owner on users.user_id = deals_by_owner.owner_id
    left join leads_by_owner on users.user_id = leads_by_owner.owner_id
    left join tickets_by_owner on users.user_id = tickets_by_owner.owner_id
    left join tasks_by_owner on users.user_id = tasks_by_owner.owner_id
    where users.user_id <> '(unknown)'
),

users_with_sum as (
    select
        *,
        open_deals + open_leads + open_tickets + tasks_due + overdue_tasks as work_items
    from users_with_counts
),

-- What is usual in a team is what is in the middle, of those who are there and have any work.
teams as (
    select
        team,
        count(*) as team_members,
        cast(median(work_items) as double) as usual_work_items
    from users_with_sum
    where work_items > 0 and not has_left and not is_not_there_yet and user_id <> '(none)'
    group by team
),

-- Half as much again as usual, and more than chance makes of counts of that size.
users_judged as (
    select
        users_with_sum.*,
        teams.team_members,
        teams.usual_work_items,
        coalesce(
            teams.team_members >= 3
            and not users_with_sum.has_left
            and users_with_sum.user_id <> '(none)'
            and users_with_sum.work_items >= 1.5 * teams.usual_work_items
            and users_with_sum.work_items >= teams.usual_work_items + 2 * sqrt(teams.usual_work_items),
            false
        ) as is_overloaded
    from users_with_sum
    left join teams on users_with_sum.team = teams.team
)

select
    -- ids
    user_id,

    -- segments
    team,
    department,

    -- numerics
    open_deals,
    stalled_deals,
    open_leads,
    open_tickets,
    overdue_tickets,
    tasks_due,
    overdue_tasks,
    work_items,
    usual_work_items,
    cast(work_items as double) / nullif(usual_work_items, 0) as times_usual,
    team_members,

    -- booleans
    is_overloaded,
    has_left
from users_judged
where work_items > 0 or not (has_left or is_not_there_yet or user_id = '(none)')
