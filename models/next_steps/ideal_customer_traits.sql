{%- set segments = ['industry', 'country', 'company_size', 'source'] -%}
with

leads as (
    select * from {{ ref('fct_leads') }}
),

new_customers as (
    select * from {{ ref('fct_new_customers') }}
),

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

order_values as (
    select
        account_id,
        sum(amount) as amount
    from orders
    where is_revenue
    group by account_id
),

deal_values as (
    select
        account_id,
        sum(amount) as amount
    from deals
    where is_won
    group by account_id
),

subscription_values as (
    select
        subscriptions.account_id,
        sum(
            subscriptions.monthly_amount * {{ days_between(
                'subscriptions.started_on', 'least(subscriptions.ended_on, reporting_window.as_of)'
            ) }}
        ) * 12 / 365 as amount
    from subscriptions
    cross join reporting_window
    group by subscriptions.account_id
),

stays as (
    select
        intervals.account_id,
        sum({{ days_between(
            'intervals.active_from', 'least(intervals.active_until, reporting_window.as_of)'
        ) }}) as stayed_days
    from intervals
    cross join reporting_window
    group by intervals.account_id
),

-- Deal, order and subscription may be the same money: the largest of the three is what a customer has brought.
customers as (
    select
        new_customers.account_id,
        new_customers.industry,
        new_customers.country,
        new_customers.company_size,
        new_customers.source,
        new_customers.first_purchased_on,
        stays.stayed_days,
        cast(greatest(order_values.amount, deal_values.amount, subscription_values.amount, 0) as double) as customer_value
    from new_customers
    cross join reporting_window
    left join stays on new_customers.account_id = stays.account_id
    left join order_values on new_customers.account_id = order_values.account_id
    left join deal_values on new_customers.account_id = deal_values.account_id
    left join subscription_values on new_customers.account_id = subscription_values.account_id
    where new_customers.first_purchased_on <= {{ add_days('reporting_window.as_of', -365) }}
),

ranked_customers as (
    select
        *,
        row_number() over (order by customer_value desc, account_id asc) as place,
        count(*) over () as all_customers
    from customers
),

-- Of the customers of a year and more the third that has brought most, and of those the ones who stayed for a year.
good_customers as (
    select * from ranked_customers
    where 3 * place <= all_customers + 2 and customer_value > 0 and stayed_days >= 365
),

cases as (
    select
        lead_id as case_id,
        industry,
        country,
        {{ company_size('employee_count') }} as company_size,
        source,
        false as is_good_customer,
        created_on as case_on
    from leads
    union all
    select
        account_id as case_id,
        industry,
        country,
        company_size,
        source,
        true as is_good_customer,
        first_purchased_on as case_on
    from good_customers
),

cases_in_blocks as (
    select
        *,
        {{ block_of('case_on', 'case_id, is_good_customer') }} as block
    from cases
),

cases_by_segment as (
    {{ count_by_segment('cases_in_blocks', tested_segments(segments), 'is_good_customer') }}
),

{{ test_segments('cases_by_segment', 'tested') }},

shares as (
    select
        *,
        cast(hit_count as double) / nullif(hit_count + rest_hit_count, 0) as share_of_customers,
        cast(case_count - hit_count as double)
        / nullif(case_count - hit_count + rest_case_count - rest_hit_count, 0) as share_of_leads
    from tested
)

select
    segment_by,
    segment,
    hit_count as good_customers,
    share_of_customers,
    case_count - hit_count as leads,
    share_of_leads,
    share_of_customers / nullif(share_of_leads, 0) as times_as_usual,
    p_value,
    p_value_adjusted,
    verdict
from shares
