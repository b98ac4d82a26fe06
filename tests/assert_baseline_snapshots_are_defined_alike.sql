-- A KPI that the snapshot of an evaluation's baseline defines in another way than the catalogue: the two values are not comparable. Take
-- the snapshot again where its raw data are still there, or do not read the evaluation of that KPI.
{{ config(severity='warn', meta={
    'label': {
        'en': 'Definitions that differ from those of a snapshot that is compared with',
        'de': 'Definitionen, die von denen eines verglichenen Snapshots abweichen',
    },
    'shows': "'evaluations.csv, ' || evaluation_name || ': ' || part || ' of ' || kpi_id",
}) }}

with

evaluations as (
    select * from {{ source('settings', 'evaluations') }}
),

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

snapshots as (
    select * from {{ source('snapshots', 'kpi_catalogue') }}
)

{% for part in [
    'unit', 'good', 'aggregation', 'numerator', 'denominator', 'squares', 'sample_measure', 'per_unit', 'interval_method', 'dated_by', 'formula_en'
] %}
select
    evaluations.evaluation_name,
    evaluations.baseline_snapshot,
    snapshots.kpi_id,
    '{{ part }}' as part,
    cast(snapshots.{{ part }} as {{ dbt.type_string() }}) as snapshot_part,
    cast(catalogue.{{ part }} as {{ dbt.type_string() }}) as catalogue_part
from evaluations
inner join snapshots on evaluations.baseline_snapshot = snapshots.snapshot_name
inner join catalogue on snapshots.kpi_id = catalogue.kpi_id
where snapshots.{{ part }} is distinct from catalogue.{{ part }}
{{ 'union all' if not loop.last }}
{% endfor %}
