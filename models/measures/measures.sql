{% set models = [
    'measures_deals_created',
    'measures_deals_closed',
    'measures_sales_cycle_median',
    'measures_deals_paid',
    'measures_stages_entered',
    'measures_stages_exited',
    'measures_stage_days_median',
    'measures_open_deals',
    'measures_slow_deals',
    'measures_deals_closed_in_365_days',
    'measures_pipeline_velocity',
    'measures_leads_created',
    'measures_leads_qualified',
    'measures_lead_growth',
    'measures_campaign_days',
    'measures_acquisition_costs',
    'measures_web_visitors',
    'measures_emails',
    'measures_tickets_created',
    'measures_first_response_median',
    'measures_tickets_resolved',
    'measures_resolution_median',
    'measures_ticket_backlog',
    'measures_satisfaction',
    'measures_customer_effort',
    'measures_net_promoter',
    'measures_active_customers',
    'measures_new_customers',
    'measures_customers',
    'measures_revenue',
    'measures_orders',
    'measures_ordering_customers',
    'measures_yearly_orders',
    'measures_yearly_ordering_customers',
    'measures_yearly_repeat_customers',
] %}

{% for model in models %}
select
    period_id,
    segment_by,
    segment,
    measure,
    value
from {{ ref(model) }}
{{ 'union all' if not loop.last }}
{% endfor %}
