-- Where the setting as_of lies before the first event there is no window to report on: everything is empty, and every other test passes.
{{ config(meta={
    'label': {'en': 'Settings that leave no data', 'de': 'Einstellungen, die keine Daten übrig lassen'},
    'shows': 'problem',
}) }}

with

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

row_counts as (
    select * from {{ ref('raw_row_counts') }}
)

select
    'as_of lies before everything that happened: set the setting as_of to a later day, or leave it out' as problem,
    sum(rows_staged) as rows_staged
from row_counts
where
    (select count(*) from reporting_window) <> 1
    and {{ as_of_override() }} is not null
having sum(rows_staged) > 0
