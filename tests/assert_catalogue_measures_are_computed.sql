-- A KPI names measures that a model computes. One of a misspelt measure would have no value and nobody would know.
with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

computed_measures as (
    {% for measure in computed_measures() or ['none'] %}
    select '{{ measure }}' as measure
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

used_measures as (
    {% for role in ['numerator', 'denominator', 'squares', 'sample_measure'] %}
    select
        kpi_id,
        '{{ role }}' as role,
        {{ role }} as measure
    from catalogue
    where {{ role }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    used_measures.kpi_id,
    used_measures.role,
    used_measures.measure,
    'no model computes this measure: correct the row of the KPI in the catalogue, or add the line of the measure' as problem
from used_measures
where
    not exists (
        select 1
        from computed_measures
        where computed_measures.measure = used_measures.measure
    )
