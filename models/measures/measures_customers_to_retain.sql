with

costs as (
    select * from {{ ref('fct_costs') }}
    where purpose = 'retention'
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

-- Before the first cost that is recorded, customers were not kept for nothing.
first_cost as (
    select min(incurred_on) as day from costs
)

select
    active_customers.period_id,
    'all' as segment_by,
    'all' as segment,
    'customers_to_retain' as measure,
    active_customers.value
from active_customers
inner join periods on active_customers.period_id = periods.period_id
inner join first_cost on periods.read_on >= first_cost.day
union all
select
    cost_types.period_id,
    cost_types.segment_by,
    cost_types.segment,
    'customers_to_retain' as measure,
    active_customers.value
from cost_types
inner join active_customers on cost_types.period_id = active_customers.period_id
