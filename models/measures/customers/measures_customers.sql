{#
    Nearly every customer of a period's start is one at its end: so the lost ones are looked for, and the retained ones are the rest.
#}
{% set segments = ['industry', 'country', 'company_size'] %}
{% set own = own_dimensions(segments) %}
{% set count = [{'name': 'customers_lost', 'expression': 'count(*)'}] %}
with

lost_customers as (
    {{ aggregate_by_segment(ref('int_lost_customers'), {'period_id': 'period_id'}, segments, count) }}
    {{ union_own_dimensions(
        aggregate_by_segment(ref('int_lost_customers'), {'period_id': 'period_id'}, own, count),
        ['period_id', 'segment_by', 'segment', 'customers_lost']
    ) if own }}
),

at_start as (
    select
        period_id,
        segment_by,
        segment,
        value as customers_at_start
    from {{ ref('measures_customers_at_start') }}
    where value > 0
),

by_period as (
    select
        at_start.period_id,
        at_start.segment_by,
        at_start.segment,
        at_start.customers_at_start,
        cast(at_start.customers_at_start - coalesce(lost_customers.customers_lost, 0) as {{ measure_type() }}) as customers_retained,
        cast(coalesce(lost_customers.customers_lost, 0) as {{ measure_type() }}) as customers_lost
    from at_start
    left join lost_customers
        on
            at_start.period_id = lost_customers.period_id
            and at_start.segment_by = lost_customers.segment_by
            and at_start.segment = lost_customers.segment
)

{{ unpivot_measures('by_period', [
    {'name': 'customers_at_start'}, {'name': 'customers_retained'}, {'name': 'customers_lost'}
]) }}
