{% call flow_measures(ref('fct_web_visitors'), day='first_visited_on', segments=['channel', 'campaign']) %}
    count(*) as visitors
    count(*) filter (where is_customer) as visitors_converted
{% endcall %}
