with

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

days_back (days_back) as (
    values (0), (90), (180), (365)
)

select
    {{ add_days('reporting_window.as_of', '-days_back.days_back') }} as outlook_on,
    days_back.days_back,
    reporting_window.as_of
from reporting_window
cross join days_back
where {{ add_days('reporting_window.as_of', '-days_back.days_back') }} >= reporting_window.first_day
