with

lifetime_values as (
    select * from {{ ref('int_customer_lifetime_values') }}
    where segment_by = 'all' and customer_lifetime_value is not null
),

costs as (
    select
        period_id,
        value as yearly_acquisition_cost
    from {{ ref('measures_yearly_acquisition_costs') }}
    where segment_by = 'all'
),

customers as (
    select
        period_id,
        value as yearly_new_customers
    from {{ ref('measures_yearly_new_customers') }}
    where segment_by = 'all'
),

-- Both or none: a cost without a value would read as a value of 0.
values_with_costs as (
    select
        lifetime_values.period_id,
        cast(lifetime_values.customer_lifetime_value as {{ measure_type() }}) as customer_lifetime_value,
        cast(
            cast(costs.yearly_acquisition_cost as double) / cast(customers.yearly_new_customers as double)
            as {{ measure_type() }}
        ) as customer_acquisition_cost,
        customers.yearly_new_customers
    from lifetime_values
    inner join costs on lifetime_values.period_id = costs.period_id
    inner join customers on lifetime_values.period_id = customers.period_id
    where customers.yearly_new_customers > 0
)

select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'yearly_lifetime_value' as measure,
    customer_lifetime_value as value
from values_with_costs
union all
select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'yearly_cost_per_new_customer' as measure,
    customer_acquisition_cost as value
from values_with_costs
union all
select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'yearly_new_customers' as measure,
    yearly_new_customers as value
from values_with_costs
