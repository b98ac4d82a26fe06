with

earlier_changes as (
    select * from {{ ref('earlier_changes') }}
    where segment_by = 'all'
),

pairs as (
    select * from {{ ref('period_pairs') }}
    where comparison = 'evaluation'
),

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
)

select
    pairs.evaluation_name,
    earlier_changes.kpi_id,
    earlier_changes.shift,
    earlier_changes.ends_on,
    -- Usual changes of totals are per day.
    earlier_changes.change
    * case when catalogue.length_effect = 'proportional' then cast(pairs.current_days as double) else 1.0 end as change
from earlier_changes
inner join pairs on earlier_changes.pair_id = pairs.pair_id
inner join catalogue on earlier_changes.kpi_id = catalogue.kpi_id
