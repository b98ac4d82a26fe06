with

int_known_costs as (
    select * from {{ ref('int_known_costs') }}
),

cost_types as (
    select distinct
        period_id,
        segment_by,
        segment
    from {{ ref('measures_retention_costs') }}
    where segment_by <> 'all'
),

active_customers as (
    select
        period_id,
        value
    from {{ ref('measures_active_customers') }}
    where measure = 'active_customers' and segment_by = 'all'
),

periods as (
    select * from {{ ref('periods') }}
),

-- Before the first cost that is known, customers were not kept for nothing, nor after the last one. A period whose costs are known in
-- part would show that part as the whole, and customers are no flow that could be cut to that part.
customers_to_retain as (
    select
        active_customers.period_id,
        active_customers.value
    from active_customers
    inner join periods on active_customers.period_id = periods.period_id
    inner join int_known_costs
        on
            periods.period_start >= int_known_costs.retention_cost_known_from
            and periods.read_on <= int_known_costs.retention_cost_known_until
)

select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'customers_to_retain' as measure,
    value
from customers_to_retain
union all
select
    cost_types.period_id,
    cost_types.segment_by,
    cost_types.segment,
    'customers_to_retain' as measure,
    customers_to_retain.value
from cost_types
inner join customers_to_retain on cost_types.period_id = customers_to_retain.period_id
