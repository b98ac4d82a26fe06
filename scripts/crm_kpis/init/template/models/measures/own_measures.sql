-- Measures of [[company]]. A measure is one line, `<aggregate> as <name>`, between call and endcall. Lines that begin with -- are comments.
-- `crm-kpis sql "describe fct_deals"` lists the columns of the fact. Another fact or another day is another model like this one, which
-- dbt_project.yml lists below own_measures.
{% call crm_kpis.flow_measures(
    ref('crm_kpis', 'fct_deals'),
    day='closed_on',
    segments=['owner', 'team', 'pipeline', 'source', 'industry', 'country', 'product']
) %}
    -- count(*) filter (where is_won and amount >= 10000) as large_deals_won
{% endcall %}
