-- Each row of a fact is in one segment of each dimension, so segments add up to the total. Medians do not add up, nor do
-- products of ratios (the lifetime value), nor the customers that every type of cost is divided by, nor the units that every category of
-- tickets is.
with

measures as (
    select * from {{ ref('measures') }}
    where
        measure not like '%median'
        and measure not in ('lifetime_value', 'lifetime_value_customers', 'customers_to_retain')
        and not (measure in ('units_sold', 'thousands_of_units_sold') and segment_by = 'category')
),

totals as (
    select
        period_id,
        measure,
        value
    from measures
    where segment_by = 'all'
),

sums as (
    select
        period_id,
        measure,
        segment_by,
        sum(value) as value
    from measures
    where segment_by <> 'all'
    group by period_id, measure, segment_by
)

select
    sums.period_id,
    sums.measure,
    sums.segment_by,
    sums.value as sum_of_segments,
    totals.value as total
from sums
left join totals on sums.period_id = totals.period_id and sums.measure = totals.measure
where sums.value is distinct from totals.value
