-- One row per cohort and quarter since, oldest first: the last twelve cohorts.
with

aged as (
    select
        *,
        dense_rank() over (order by cohort_start desc) as age
    from marts.customer_cohorts
)

select
    cohort,
    quarters_since,
    customers,
    customers_active,
    retention_rate
from aged
where age <= 12
order by cohort_start, quarters_since
