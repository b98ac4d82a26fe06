{% call period_measures(ref('fct_slow_deals'), segments=['stage', 'owner', 'source']) %}
    count(*) as slow_deals
{% endcall %}
