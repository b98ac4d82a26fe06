{#
    The columns whose completeness can be asked for, by table: those of the raw contract that somebody fills in. Which of them are mandatory
    says the seed mandatory_fields.
#}
{% macro record_fields() %}
    {{ return({
        'accounts': [
            'name', 'industry', 'employee_count', 'annual_revenue', 'country', 'region', 'city', 'owner_id',
        ],
        'contacts': [
            'account_id', 'first_name', 'last_name', 'email', 'phone', 'job_title',
        ],
        'leads': [
            'first_touch_at', 'source', 'campaign_id', 'status', 'score', 'email', 'company_name', 'industry', 'employee_count', 'country',
            'owner_id', 'disqualified_reason', 'account_id', 'deal_id',
        ],
        'deals': [
            'closed_at', 'expected_close_on', 'stage', 'pipeline', 'deal_type', 'product_id', 'source', 'campaign_id', 'account_id', 'lead_id',
            'owner_id', 'amount', 'currency', 'lost_reason', 'first_paid_at',
        ],
        'tickets': [
            'status', 'first_responded_at', 'resolved_at', 'account_id', 'contact_id', 'assignee_id', 'channel', 'category', 'priority',
            'contact_count', 'reopen_count', 'due_at',
        ],
    }) }}
{% endmacro %}
