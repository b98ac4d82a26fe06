with

lifetime_values as (
    select * from {{ ref('int_customer_lifetime_values') }}
    where customer_lifetime_value is not null
)

select
    period_id,
    segment_by,
    segment,
    'lifetime_value' as measure,
    cast(customer_lifetime_value * ordering_customers as {{ measure_type() }}) as value
from lifetime_values
union all
select
    period_id,
    segment_by,
    segment,
    'lifetime_value_customers' as measure,
    cast(ordering_customers as {{ measure_type() }}) as value
from lifetime_values
