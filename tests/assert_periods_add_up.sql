-- What happened on a day is in one week, month, quarter and year, and in one fiscal quarter and year: flows add up to the same over each.
{% set flows = [
    'measures_deals_created',
    'measures_deals_closed',
    'measures_deals_paid',
    'measures_stages_entered',
    'measures_stages_exited',
    'measures_leads_created',
    'measures_leads_qualified',
    'measures_campaign_days',
    'measures_acquisition_costs',
    'measures_web_visitors',
    'measures_emails',
    'measures_tickets_created',
    'measures_tickets_resolved',
    'measures_satisfaction',
    'measures_customer_effort',
    'measures_net_promoter',
    'measures_new_customers',
    'measures_revenue',
    'measures_orders',
    'measures_retention_costs',
    'measures_crm_projects',
    'measures_activities',
    'measures_tasks_due',
    'measures_employee_satisfaction',
    'measures_record_completeness',
    'measures_duplicate_records',
] %}

with

flows as (
    {% for model in flows %}
    select
        period_id,
        segment_by,
        segment,
        measure,
        value
    from {{ ref(model) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

periods as (
    select * from {{ ref('periods') }}
    where period_grain <> 'named'
),

sums as (
    select
        periods.period_grain,
        flows.segment_by,
        flows.segment,
        flows.measure,
        sum(flows.value) as value
    from flows
    inner join periods on flows.period_id = periods.period_id
    group by periods.period_grain, flows.segment_by, flows.segment, flows.measure
),

grains as (
    select count(distinct period_grain) as grain_count from periods
)

select
    sums.segment_by,
    sums.segment,
    sums.measure,
    min(sums.value) as smallest_sum,
    max(sums.value) as largest_sum
from sums
cross join grains
group by sums.segment_by, sums.segment, sums.measure
having min(sums.value) <> max(sums.value) or count(*) <> max(grains.grain_count)
