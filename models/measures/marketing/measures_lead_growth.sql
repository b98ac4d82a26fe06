with

leads_qualified as (
    select
        period_id,
        value as leads
    from {{ ref('measures_leads_qualified') }}
    where segment_by = 'all' and measure = 'leads_qualified'
),

-- Weeks, months, quarters and years follow one another without a gap; named periods and 'all' have none before them.
sequences as (
    select
        period_id,
        lag(period_id) over (partition by period_grain order by period_start) as period_before_id
    from {{ ref('periods') }}
    where period_grain in ('week', 'month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year')
),

leads_compared as (
    select
        sequences.period_id,
        coalesce(leads_qualified.leads, 0) as leads,
        coalesce(qualified_before.leads, 0) as leads_before
    from sequences
    left join leads_qualified on sequences.period_id = leads_qualified.period_id
    left join leads_qualified as qualified_before on sequences.period_before_id = qualified_before.period_id
    where
        sequences.period_before_id is not null
        and (leads_qualified.leads is not null or qualified_before.leads is not null)
)

select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'lead_growth' as measure,
    cast(leads - leads_before as {{ measure_type() }}) as value
from leads_compared
union all
select
    period_id,
    'all' as segment_by,
    'all' as segment,
    'leads_qualified_before' as measure,
    cast(leads_before as {{ measure_type() }}) as value
from leads_compared
