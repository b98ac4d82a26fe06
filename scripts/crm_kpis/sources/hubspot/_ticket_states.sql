-- One row per ticket that counts, with all of it: whether its stage is closed.
select
    ticket.*,
    coalesce(ticket_stage.is_closed, upper(ticket_stage.state) = 'CLOSED', ticket.closed_at is not null) as is_closed
from ticket
left join ticket_stage
    on ticket.stage_id = ticket_stage.stage_id and coalesce(ticket.pipeline_id, '0') = ticket_stage.pipeline_id
