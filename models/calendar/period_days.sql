with

dates as (
    select * from {{ ref('dim_dates') }}
),

periods as (
    select * from {{ ref('periods') }}
)

select
    dates.day,
    periods.period_id
from periods
inner join dates on dates.day between periods.period_start and periods.read_on
