{% call flow_measures(ref('int_record_completeness'), day='created_on', segments=['table']) %}
    sum(records) as mandatory_values
    sum(records_filled) as mandatory_values_filled
{% endcall %}
