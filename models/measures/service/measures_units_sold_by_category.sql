with

units_sold as (
    select * from {{ ref('measures_units_sold') }}
),

tickets as (
    select * from {{ ref('measures_tickets_created') }}
),

responses as (
    select * from {{ ref('measures_satisfaction') }}
),

categories as (
    select
        period_id,
        segment
    from tickets
    where segment_by = 'category'
    union distinct
    select
        period_id,
        segment
    from responses
    where segment_by = 'category'
)

select
    categories.period_id,
    'category' as segment_by,
    categories.segment,
    units_sold.measure,
    units_sold.value
from categories
inner join units_sold on categories.period_id = units_sold.period_id
where units_sold.segment_by = 'all'
