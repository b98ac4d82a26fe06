with

orders as (
    select * from {{ ref('fct_orders') }}
),

orders_with_neighbours as (
    select
        *,
        lag(ordered_on) over (partition by account_id, is_credit_note is true order by ordered_on, order_id) as ordered_before_on,
        lead(ordered_on) over (partition by account_id, is_credit_note is true order by ordered_on, order_id) as ordered_next_on
    from orders
    where is_revenue
)

select
    -- ids
    order_id,
    account_id,

    -- segments
    industry,
    country,
    company_size,

    -- amounts
    amount,

    -- booleans
    is_credit_note,

    -- dates
    ordered_on,
    {{ add_days('ordered_on', 365) }} as counts_until,
    -- A credit note is no purchase: it makes nobody an ordering or a repeat customer.
    case
        when is_credit_note then ordered_on
        else least({{ add_days('ordered_on', 365) }}, coalesce(ordered_next_on, cast('2100-12-31' as date)))
    end as latest_until,
    -- From the day of an order on, it and the one before lie within 365 days; the one before leaves them first.
    case
        when is_credit_note then ordered_on
        else greatest(
            ordered_on,
            least(
                coalesce({{ add_days('ordered_before_on', 365) }}, ordered_on),
                coalesce(ordered_next_on, cast('2100-12-31' as date))
            )
        )
    end as repeat_until
from orders_with_neighbours
