{# Breakdown, part, position; for durations also the bounds in hours. #}
{% set parts = [
    ('funnel', 'leads', 1, none, none),
    ('funnel', 'qualified leads', 2, none, none),
    ('funnel', 'leads with a deal', 3, none, none),
    ('funnel', 'leads with a won deal', 4, none, none),
    ('net promoter score', 'promoters', 1, none, none),
    ('net promoter score', 'passives', 2, none, none),
    ('net promoter score', 'detractors', 3, none, none),
    ('resolution time', 'up to 1 hour', 1, 0, 1),
    ('resolution time', '1 to 4 hours', 2, 1, 4),
    ('resolution time', '4 to 8 hours', 3, 4, 8),
    ('resolution time', '8 to 24 hours', 4, 8, 24),
    ('resolution time', '1 to 2 days', 5, 24, 48),
    ('resolution time', '2 to 4 days', 6, 48, 96),
    ('resolution time', '4 to 7 days', 7, 96, 168),
    ('resolution time', 'more than 7 days', 8, 168, none),
] %}

with

leads as (
    select * from {{ ref('fct_leads') }}
),

lead_deals as (
    select * from {{ ref('int_lead_deals') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

periods as (
    select * from {{ ref('periods') }}
),

period_days as (
    select * from {{ ref('period_days') }}
),

parts (breakdown, part, part_order, hours_from, hours_to) as (
    values
    {% for breakdown, part, place, hours_from, hours_to in parts %}
    (
        '{{ breakdown }}',
        '{{ part }}',
        {{ place }},
        cast({{ 'null' if hours_from is none else hours_from }} as double),
        cast({{ 'null' if hours_to is none else hours_to }} as double)
    ){{ ',' if not loop.last }}
    {% endfor %}
),

-- A lead that came to a later step has passed the ones before it, recorded or not: so each step is a part of the one before.
lead_steps as (
    select
        leads.created_on,
        leads.is_won,
        leads.is_won or lead_deals.lead_id is not null as has_deal,
        leads.is_won or lead_deals.lead_id is not null or leads.is_qualified as is_qualified,
        case
            when leads.qualified_on >= leads.created_on then {{ days_between('leads.created_on', 'leads.qualified_on') }}
        end as days_to_qualified,
        case
            when lead_deals.first_deal_on >= leads.created_on then {{ days_between('leads.created_on', 'lead_deals.first_deal_on') }}
        end as days_to_deal,
        case
            when leads.is_won and lead_deals.won_on >= leads.created_on then {{ days_between('leads.created_on', 'lead_deals.won_on') }}
        end as days_to_won
    from leads
    left join lead_deals on leads.lead_id = lead_deals.lead_id
),

leads_by_day as (
    select
        created_on,
        count(*) as leads_created,
        count(*) filter (where is_qualified) as leads_qualified,
        count(*) filter (where has_deal) as leads_with_deal,
        count(*) filter (where is_won) as leads_won,
        count(days_to_qualified) as leads_qualified_dated,
        sum(days_to_qualified) as days_to_qualified,
        count(days_to_deal) as leads_with_deal_dated,
        sum(days_to_deal) as days_to_deal,
        count(days_to_won) as leads_won_dated,
        sum(days_to_won) as days_to_won
    from lead_steps
    group by created_on
),

-- Each in the first part that it is short enough for; what lasted less than nothing is in none.
tickets_resolved as (
    select
        resolved_on,
        case
            when resolution_seconds < 0 then null
            {% for breakdown, part, place, hours_from, hours_to in parts if breakdown == 'resolution time' and hours_to is not none %}
            when resolution_seconds < 3600 * {{ hours_to }} then '{{ part }}'
            {% endfor %}
            when resolution_seconds is not null then '{{ (parts | last)[1] }}'
        end as part
    from tickets
),

by_day as (
    select
        'funnel' as breakdown,
        'leads' as part,
        created_on as day,
        leads_created as item_count,
        cast(null as bigint) as dated_count,
        cast(null as bigint) as total_days
    from leads_by_day
    union all
    select
        'funnel' as breakdown,
        'qualified leads' as part,
        created_on as day,
        leads_qualified as item_count,
        leads_qualified_dated as dated_count,
        days_to_qualified as total_days
    from leads_by_day
    union all
    select
        'funnel' as breakdown,
        'leads with a deal' as part,
        created_on as day,
        leads_with_deal as item_count,
        leads_with_deal_dated as dated_count,
        days_to_deal as total_days
    from leads_by_day
    union all
    select
        'funnel' as breakdown,
        'leads with a won deal' as part,
        created_on as day,
        leads_won as item_count,
        leads_won_dated as dated_count,
        days_to_won as total_days
    from leads_by_day
    union all
    select
        'net promoter score' as breakdown,
        case when is_promoter then 'promoters' when is_detractor then 'detractors' else 'passives' end as part,
        responded_on as day,
        count(*) as item_count,
        cast(null as bigint) as dated_count,
        cast(null as bigint) as total_days
    from responses
    where survey_type = 'nps'
    group by responded_on, case when is_promoter then 'promoters' when is_detractor then 'detractors' else 'passives' end
    union all
    select
        'resolution time' as breakdown,
        part,
        resolved_on as day,
        count(*) as item_count,
        cast(null as bigint) as dated_count,
        cast(null as bigint) as total_days
    from tickets_resolved
    where part is not null
    group by part, resolved_on
),

by_period as (
    select
        by_day.breakdown,
        by_day.part,
        period_days.period_id,
        cast(sum(by_day.item_count) as bigint) as item_count,
        cast(sum(by_day.dated_count) as bigint) as dated_count,
        cast(sum(by_day.total_days) as bigint) as total_days
    from by_day
    inner join period_days on by_day.day = period_days.day
    group by by_day.breakdown, by_day.part, period_days.period_id
),

-- A period that holds anything of a breakdown has all of its parts, the empty ones with 0.
periods_filled as (
    select distinct
        breakdown,
        period_id
    from by_period
),

parts_of_periods as (
    select
        parts.breakdown,
        periods_filled.period_id,
        parts.part,
        cast(parts.part_order as bigint) as part_order,
        parts.hours_from,
        parts.hours_to,
        coalesce(by_period.item_count, 0) as item_count,
        by_period.dated_count,
        by_period.total_days
    from periods_filled
    inner join parts on periods_filled.breakdown = parts.breakdown
    left join by_period
        on
            periods_filled.period_id = by_period.period_id
            and parts.breakdown = by_period.breakdown
            and parts.part = by_period.part
),

-- Only the parts of the funnel follow one another.
parts_with_previous as (
    select
        *,
        case
            when breakdown = 'funnel'
                then lag(item_count) over (partition by breakdown, period_id order by part_order)
        end as previous_count
    from parts_of_periods
)

select
    parts_with_previous.breakdown,
    periods.period_grain,
    periods.period_name,
    periods.period_start,
    periods.period_end,
    periods.is_complete,
    parts_with_previous.part,
    parts_with_previous.part_order,
    parts_with_previous.hours_from,
    parts_with_previous.hours_to,
    parts_with_previous.item_count,
    cast(parts_with_previous.item_count as double) / nullif(parts_with_previous.previous_count, 0) as share_of_previous,
    cast(parts_with_previous.total_days as double) / nullif(parts_with_previous.dated_count, 0) as average_days
from parts_with_previous
inner join periods on parts_with_previous.period_id = periods.period_id
