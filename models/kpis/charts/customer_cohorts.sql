{# Where a company has fiscal quarters, cohorts are those. #}
{% set grain = 'fiscal_quarter' if setting('fiscal_year_starts_in') else 'quarter' %}
with

customer_changes as (
    select * from {{ ref('int_customer_changes') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

every_quarter as (
    select
        period_name,
        period_start,
        period_end,
        is_complete
    from {{ ref('periods') }}
    where period_grain = '{{ grain }}'
),

quarters as (
    select
        period_name,
        period_start,
        period_end
    from every_quarter
    where is_complete
),

first_days as (
    select
        account_id,
        min(changed_on) as first_active_on
    from customer_changes
    group by account_id
),

cohorts as (
    select
        first_days.account_id,
        every_quarter.period_start as cohort_start
    from first_days
    inner join every_quarter on first_days.first_active_on between every_quarter.period_start and every_quarter.period_end
),

cohort_sizes as (
    select
        cohort_start,
        count(*) as customers
    from cohorts
    group by cohort_start
),

-- Who is active at a quarter's end became so in it or before, and ended after it: +1 in the quarter of the one, -1 in that of the other.
changes_by_quarter as (
    select
        cohorts.cohort_start,
        every_quarter.period_start as quarter_start,
        sum(customer_changes.step) as net_change
    from customer_changes
    inner join cohorts on customer_changes.account_id = cohorts.account_id
    inner join every_quarter on customer_changes.changed_on between every_quarter.period_start and every_quarter.period_end
    group by cohorts.cohort_start, every_quarter.period_start
),

orders_by_quarter as (
    select
        cohorts.cohort_start,
        every_quarter.period_start as quarter_start,
        count(*) filter (where orders.is_credit_note is not true) as orders,
        count(distinct orders.account_id) filter (where orders.is_credit_note is not true) as customers_ordering,
        sum(orders.amount) as revenue
    from orders
    inner join cohorts on orders.account_id = cohorts.account_id
    inner join every_quarter on orders.ordered_on between every_quarter.period_start and every_quarter.period_end
    where orders.is_revenue
    group by cohorts.cohort_start, every_quarter.period_start
),

grid as (
    select
        first_quarters.period_name as cohort,
        first_quarters.period_start as cohort_start,
        quarters.period_name,
        quarters.period_start,
        quarters.period_end,
        cohort_sizes.customers,
        row_number() over (partition by first_quarters.period_start order by quarters.period_start) - 1 as quarters_since
    from quarters as first_quarters
    inner join cohort_sizes on first_quarters.period_start = cohort_sizes.cohort_start
    inner join quarters on first_quarters.period_start <= quarters.period_start
),

cohorts_with_sums as (
    select
        grid.*,
        coalesce(orders_by_quarter.orders, 0) as orders,
        coalesce(orders_by_quarter.customers_ordering, 0) as customers_ordering,
        coalesce(orders_by_quarter.revenue, 0) as revenue,
        sum(coalesce(orders_by_quarter.revenue, 0)) over (
            partition by grid.cohort_start order by grid.period_start rows between unbounded preceding and current row
        ) as revenue_so_far,
        sum(changes_by_quarter.net_change) over (
            partition by grid.cohort_start order by grid.period_start rows between unbounded preceding and current row
        ) as active
    from grid
    left join changes_by_quarter
        on grid.cohort_start = changes_by_quarter.cohort_start and grid.period_start = changes_by_quarter.quarter_start
    left join orders_by_quarter
        on grid.cohort_start = orders_by_quarter.cohort_start and grid.period_start = orders_by_quarter.quarter_start
)

select
    cohort,
    cohort_start,
    period_name,
    period_end,
    cast(quarters_since as bigint) as quarters_since,
    cast(customers as bigint) as customers,
    cast(active as bigint) as customers_active,
    cast(active as double) / nullif(cast(customers as double), 0) as retention_rate,
    cast(orders as bigint) as orders,
    cast(customers_ordering as bigint) as customers_ordering,
    cast(revenue as double) as revenue,
    cast(revenue_so_far as double) / nullif(cast(customers as double), 0) as revenue_per_customer_so_far
from cohorts_with_sums
