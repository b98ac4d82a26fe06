{#
    Each row is a measure that a KPI of the catalogue names and no model computes, so that the KPI would be left out silently. A model of
    measures names each in its SQL, as `<aggregate> as <name>` at the end of a line or in quotes; here that text is searched, not the data, in
    which a measure may have no row.
#}
{%- set names = [] -%}
{%- if execute -%}
    {%- for key in graph.nodes['model.crm_kpis.measures'].depends_on.nodes if key in graph.nodes -%}
        {%- set sql = graph.nodes[key].raw_code -%}
        {%- do names.extend(modules.re.findall('as (\\w+),?\\s*$', sql, modules.re.MULTILINE)) -%}
        {%- do names.extend(modules.re.findall("'(\\w+)'", sql)) -%}
    {%- endfor -%}
{%- endif %}
with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

measures as (
    select * from {{ ref('measures') }}
),

roles as (
    select
        kpi_id,
        numerator as measure
    from catalogue
    union all
    select
        kpi_id,
        denominator as measure
    from catalogue
    union all
    select
        kpi_id,
        squares as measure
    from catalogue
    union all
    select
        kpi_id,
        sample_measure as measure
    from catalogue
)

select distinct
    roles.kpi_id,
    roles.measure,
    'no model computes the measure: add it to a model of measures, or correct the row of the KPI' as problem
from roles
where
    roles.measure is not null
    and roles.measure not in ('{{ names | unique | join("', '") }}')
    and not exists (select 1 from measures where measures.measure = roles.measure)
