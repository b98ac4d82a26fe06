-- A target on a segment that the data do not have, misspelt perhaps, is measured nowhere. A warning, since the segment may still come.
{{ config(severity='warn', meta={
    'label': {'en': 'Targets for a segment that the data do not have', 'de': 'Ziele für ein Segment, das die Daten nicht haben'},
    'shows': "'kpi_targets.csv, ' || target_id || ': ' || segment_by || ' has no segment ' || segment",
}) }}

with

targets as (
    select * from {{ source('settings', 'kpi_targets') }}
    where segment is not null
),

kpi_values as (
    select * from {{ ref('kpi_values') }}
)

select
    targets.target_id,
    targets.kpi_id,
    targets.segment_by,
    targets.segment,
    'no value of this KPI has this segment: compare with its segments in kpi_values' as problem
from targets
where
    not exists (
        select 1
        from kpi_values
        where
            kpi_values.kpi_id = targets.kpi_id
            and kpi_values.segment_by = targets.segment_by
            and kpi_values.segment = targets.segment
    )
