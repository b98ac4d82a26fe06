-- One row per user with open work, those first who have most against what is usual in the team; the first 200. `found_unassigned` is the work
-- that nobody has.
with

work as (
    select
        *,
        sum(case when user_id = '(none)' then work_items else 0 end) over () as found_unassigned
    from marts.user_workload
    where work_items > 0
)

select
    found_unassigned,
    count(*) over () as found,
    count(*) filter (where is_overloaded) over () as found_overloaded,
    count(*) filter (where has_left) over () as found_left,
    user_id as owner,
    team,
    open_deals,
    stalled_deals,
    open_leads,
    open_tickets,
    overdue_tickets,
    tasks_due,
    overdue_tasks,
    work_items,
    usual_work_items,
    is_overloaded,
    has_left
from work
where user_id <> '(none)'
order by has_left desc, is_overloaded desc, times_usual desc nulls last, work_items desc, user_id
limit 200
