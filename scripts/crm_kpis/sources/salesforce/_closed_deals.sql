-- One row per opportunity, with all of it: won, lost or open by its flags, since stage names are each company's own. A close date is
-- a day: noon of it.
select
    *,
    case when is_won then 'won' when is_closed then 'lost' else 'open' end as status,
    case when is_won or is_closed then not_before(noon_of(close_on), created_at) end as closed_at
from opportunity
