{% call flow_measures(ref('fct_deals'), day='first_paid_on', segments=[], where='lead_to_cash_days is not null') %}
    count(*) as won_deals_paid
    sum(lead_to_cash_days) as lead_to_cash_days
    {{ sum_of_squares('lead_to_cash_days') }} as lead_to_cash_days_squares
{% endcall %}
