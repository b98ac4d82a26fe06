-- One row per opportunity, with all of it: won, lost or open by its flags, since stage names are each company's own. Only where the
-- flags are not landed Salesforce's own names say it. A close date is a day: noon of it.
with

opportunities_with_status as (
    select
        *,
        case
            when coalesce(is_won, lower(stage) = 'closed won') then 'won'
            when coalesce(is_closed, lower(stage) = 'closed lost') then 'lost'
            else 'open'
        end as status
    from opportunity
)

select
    *,
    case when status <> 'open' then not_before(noon_of(close_on), created_at) end as closed_at
from opportunities_with_status
