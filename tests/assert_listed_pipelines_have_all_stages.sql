-- A stage that pipeline_stages.csv leaves out of a pipeline that it lists is neither earlier nor later than any other. It warns, since the
-- stage may be new in the CRM.
{{ config(severity='warn', meta={
    'label': {'en': 'Stages that pipeline_stages.csv leaves out', 'de': 'Phasen, die in pipeline_stages.csv fehlen'},
    'shows': "'pipeline_stages.csv, ' || pipeline || ': ' || stage || ' is missing'",
}) }}

select
    pipeline,
    stage
from {{ ref('dim_pipeline_stages') }}
where stage_order is null
