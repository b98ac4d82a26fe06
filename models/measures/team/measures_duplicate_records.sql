{% call flow_measures(ref('int_email_records'), day='created_on', segments=['table']) %}
    sum(records) as records_with_email
    sum(duplicates) as duplicate_records
{% endcall %}
