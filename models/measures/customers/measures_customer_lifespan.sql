with

changes as (
    select * from {{ ref('measures_customer_changes') }}
),

periods as (
    select * from {{ ref('periods') }}
),

by_period as (
    select
        period_id,
        segment_by,
        segment,
        max(value) filter (where measure = 'net_changes') as active_customers,
        max(value) filter (where measure = 'net_change_days') as net_change_days
    from changes
    group by period_id, segment_by, segment
)

-- A customer has been active from the day it became one to the day it ceased to be one, or to the end of the day that is read.
select
    by_period.period_id,
    by_period.segment_by,
    by_period.segment,
    'customer_active_days' as measure,
    cast(
        by_period.active_customers * ({{ days_between("cast('1970-01-01' as date)", 'periods.read_on') }} + 1)
        - by_period.net_change_days
        as {{ measure_type() }}
    ) as value
from by_period
inner join periods on by_period.period_id = periods.period_id
