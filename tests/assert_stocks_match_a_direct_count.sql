-- A stock is summed up from the changes of days; counted straight from the facts on the day it is read, it must be the same.
-- Shorter periods are read off the same sums: years and longer ones end on few days, each of which costs a pass over all rows.
with

read_days as (
    select
        max(period_id) as period_id,
        read_on
    from {{ ref('periods') }}
    where period_grain in ('year', 'all', 'named')
    group by read_on
),

deals as (
    select * from {{ ref('fct_deals') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

customers as (
    select * from {{ ref('fct_customer_intervals') }}
),

deals_by_day as (
    select
        read_days.period_id,
        count(*) as open_deals,
        sum(deals.amount) as open_pipeline
    from read_days
    inner join deals
        on
            read_days.read_on >= deals.created_on
            and (deals.closed_on is null or read_days.read_on < deals.closed_on)
    group by read_days.period_id
),

-- The orders of each account in the 365 days that end with the day.
yearly_accounts as (
    select
        read_days.period_id,
        orders.account_id,
        count(*) as orders
    from read_days
    inner join {{ ref('fct_orders') }} as orders
        on
            orders.is_revenue
            and {{ days_between('orders.ordered_on', 'read_days.read_on') }} between 0 and 364
    group by read_days.period_id, orders.account_id
),

counted as (
    select
        period_id,
        'open_deals' as measure,
        cast(open_deals as {{ measure_type() }}) as value
    from deals_by_day
    union all
    select
        period_id,
        'open_pipeline' as measure,
        cast(open_pipeline as {{ measure_type() }}) as value
    from deals_by_day
    union all
    select
        read_days.period_id,
        'deals_won_in_365_days' as measure,
        cast(count(*) filter (where deals.is_won) as {{ measure_type() }}) as value
    from read_days
    inner join deals
        on
            read_days.read_on >= deals.closed_on
            and read_days.read_on < {{ add_days('deals.closed_on', 365) }}
    group by read_days.period_id
    union all
    select
        read_days.period_id,
        'open_tickets' as measure,
        cast(count(*) as {{ measure_type() }}) as value
    from read_days
    inner join tickets
        on
            read_days.read_on >= tickets.created_on
            and (tickets.open_until is null or read_days.read_on < tickets.open_until)
    group by read_days.period_id
    union all
    select
        read_days.period_id,
        'active_customers' as measure,
        cast(count(distinct customers.account_id) as {{ measure_type() }}) as value
    from read_days
    inner join customers
        on
            read_days.read_on >= customers.active_from
            and (customers.active_until is null or read_days.read_on < customers.active_until)
    group by read_days.period_id
    union all
    select
        read_days.period_id,
        'customer_active_days' as measure,
        cast(
            sum(
                {{ days_between(
                    'customers.active_from',
                    'least(' ~ add_days('read_days.read_on', 1) ~ ", coalesce(customers.active_until, cast('2100-01-01' as date)))"
                ) }}
            ) as {{ measure_type() }}
        ) as value
    from read_days
    inner join customers on read_days.read_on >= customers.active_from
    group by read_days.period_id
    union all
    select
        read_days.period_id,
        'yearly_customers_at_start' as measure,
        cast(count(distinct customers.account_id) as {{ measure_type() }}) as value
    from read_days
    inner join customers
        on
            {{ add_days('read_days.read_on', -365) }} >= customers.active_from
            and (customers.active_until is null or {{ add_days('read_days.read_on', -365) }} < customers.active_until)
    group by read_days.period_id
    union all
    select
        read_days.period_id,
        'yearly_customers_retained' as measure,
        cast(count(distinct customers.account_id) as {{ measure_type() }}) as value
    from read_days
    inner join customers
        on
            {{ add_days('read_days.read_on', -365) }} >= customers.active_from
            and (customers.active_until is null or {{ add_days('read_days.read_on', -365) }} < customers.active_until)
    inner join customers as customers_at_end
        on
            customers.account_id = customers_at_end.account_id
            and read_days.read_on >= customers_at_end.active_from
            and (customers_at_end.active_until is null or read_days.read_on < customers_at_end.active_until)
    group by read_days.period_id
    union all
    select
        period_id,
        'yearly_orders' as measure,
        cast(sum(orders) as {{ measure_type() }}) as value
    from yearly_accounts
    group by period_id
    union all
    select
        period_id,
        'yearly_ordering_customers' as measure,
        cast(count(*) as {{ measure_type() }}) as value
    from yearly_accounts
    group by period_id
    union all
    select
        period_id,
        'yearly_repeat_customers' as measure,
        cast(count(*) filter (where orders >= 2) as {{ measure_type() }}) as value
    from yearly_accounts
    group by period_id
),

summed as (
    select
        period_id,
        measure,
        value
    from {{ ref('measures') }}
    where
        segment_by = 'all'
        and period_id in (select read_days.period_id from read_days)
        and measure in (
            'open_deals',
            'open_pipeline',
            'deals_won_in_365_days',
            'open_tickets',
            'active_customers',
            'yearly_orders',
            'yearly_ordering_customers',
            'yearly_repeat_customers',
            'customer_active_days',
            'yearly_customers_at_start',
            'yearly_customers_retained'
        )
)

select
    coalesce(counted.period_id, summed.period_id) as period_id,
    coalesce(counted.measure, summed.measure) as measure,
    counted.value as counted,
    summed.value as summed
from counted
full outer join summed on counted.period_id = summed.period_id and counted.measure = summed.measure
where coalesce(counted.value, 0) <> coalesce(summed.value, 0)
