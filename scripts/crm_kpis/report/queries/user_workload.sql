-- One row per user with open work, those first who have most against what is usual in the team; the first 200.
select
    count(*) over () as found,
    count(*) filter (where is_overloaded) over () as found_overloaded,
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
from marts.user_workload
where work_items > 0
order by has_left desc, is_overloaded desc, times_usual desc nulls last, work_items desc, user_id
limit 200
