-- One row per ticket whose records are on the page: the newest thousand by the last thing that happened to them; those that are open, today.
-- `tickets` says how many there are.
with

as_of as (
    select max(period_end) as day
    from marts.kpi_values
    where period_grain = 'all'
),

ranked as (
    select
        tickets.*,
        coalesce(tickets.resolved_on, as_of.day) as last_on,
        row_number() over (order by coalesce(tickets.resolved_on, as_of.day) desc, tickets.created_on desc, tickets.ticket_id) as place,
        count(*) over () as tickets
    from marts.fct_tickets as tickets
    cross join as_of
)

select
    tickets,
    last_on,
    ticket_id,
    account_id,
    owner_id as owner,
    team,
    channel,
    category,
    priority,
    case when is_resolved then 'resolved' else 'open' end as outcome,
    created_on,
    resolved_on as closed_on,
    first_response_seconds / 3600 as first_response_hours,
    resolution_seconds / 3600 as resolution_hours
from ranked
where place <= 1000
order by place
