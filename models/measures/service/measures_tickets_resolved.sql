{% call flow_measures(
    ref('fct_tickets'),
    day='resolved_on',
    segments=['owner', 'team', 'channel', 'category', 'priority']
) %}
    count(*) as tickets_resolved
    sum(resolution_seconds) as resolution_seconds
    {{ sum_of_squares('resolution_seconds') }} as resolution_seconds_squares
    sum(resolution_business_seconds) as resolution_business_seconds
    {{ sum_of_squares('resolution_business_seconds') }} as resolution_business_seconds_squares
    count(is_resolved_at_first_contact) as tickets_with_known_contacts
    count(*) filter (where is_resolved_at_first_contact) as tickets_resolved_at_first_contact
    count(*) filter (where is_reopened) as tickets_reopened
    count(is_within_service_level) as tickets_with_service_level
    count(*) filter (where is_within_service_level) as tickets_within_service_level
{% endcall %}
