{% call flow_measures(ref('fct_leads'), day='qualified_on', segments=[]) %}
    count(*) as leads_qualified
{% endcall %}
