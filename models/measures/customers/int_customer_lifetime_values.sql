with

measures_yearly as (
    {% for model in [
        'measures_yearly_orders',
        'measures_yearly_ordering_customers',
        'measures_yearly_customers_at_start',
        'measures_yearly_customers_retained',
    ] %}
    select
        period_id,
        segment_by,
        segment,
        measure,
        cast(value as double) as value
    from {{ ref(model) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

by_period as (
    select
        period_id,
        segment_by,
        segment,
        coalesce(max(value) filter (where measure = 'yearly_orders'), 0) as yearly_orders,
        coalesce(max(value) filter (where measure = 'yearly_orders_with_amount'), 0) as yearly_orders_with_amount,
        coalesce(max(value) filter (where measure = 'yearly_revenue'), 0) as yearly_revenue,
        coalesce(max(value) filter (where measure = 'yearly_ordering_customers'), 0) as yearly_ordering_customers,
        coalesce(max(value) filter (where measure = 'yearly_customers_at_start'), 0) as yearly_customers_at_start,
        coalesce(max(value) filter (where measure = 'yearly_customers_retained'), 0) as yearly_customers_retained
    from measures_yearly
    group by period_id, segment_by, segment
),

parts as (
    select
        period_id,
        segment_by,
        segment,
        yearly_ordering_customers,
        yearly_revenue / nullif(yearly_orders_with_amount, 0) as average_purchase_value,
        yearly_orders / nullif(yearly_ordering_customers, 0) as purchases_per_year,
        (yearly_customers_at_start - yearly_customers_retained) / nullif(yearly_customers_at_start, 0) as yearly_churn_rate,
        -- Where nobody was lost the year tells of no end, hence the longest lifespan. Where nobody was there it tells nothing.
        case
            when yearly_customers_at_start > 0
                then least(
                    cast({{ setting('max_lifespan_years') }} as double),
                    coalesce(
                        yearly_customers_at_start / nullif(yearly_customers_at_start - yearly_customers_retained, 0),
                        cast({{ setting('max_lifespan_years') }} as double)
                    )
                )
        end as expected_lifespan_years,
        cast({{ setting('gross_margin') }} as double) as gross_margin
    from by_period
)

select
    period_id,
    segment_by,
    segment,
    cast(yearly_ordering_customers as bigint) as ordering_customers,
    average_purchase_value,
    purchases_per_year,
    yearly_churn_rate,
    expected_lifespan_years,
    gross_margin,
    average_purchase_value * purchases_per_year * expected_lifespan_years * gross_margin as customer_lifetime_value
from parts
