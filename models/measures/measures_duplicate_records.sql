{% call flow_measures(ref('fct_email_records'), day='created_on', segments=['table']) %}
    count(*) as records_with_email
    count(*) filter (where is_duplicate) as duplicate_records
{% endcall %}
