{# Name and place of each part, and where it begins and ends, in hours, for the ones of a time. #}
{% set parts = [
    ('funnel', 'visitors', 1, none, none),
    ('funnel', 'leads', 2, none, none),
    ('funnel', 'qualified leads', 3, none, none),
    ('funnel', 'leads with a deal', 4, none, none),
    ('funnel', 'leads with a won deal', 5, none, none),
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

visitors as (
    select * from {{ ref('fct_web_visitors') }}
),

leads as (
    select * from {{ ref('fct_leads') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
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

-- The link stands in the deal, in the lead, or in both.
leads_with_deal as (
    select lead_id
    from deals
    where lead_id is not null
    union
    select leads.lead_id
    from leads
    inner join deals on leads.deal_id = deals.deal_id
),

leads_by_day as (
    select
        leads.created_on,
        count(*) as leads_created,
        count(*) filter (where leads.is_qualified) as leads_qualified,
        count(*) filter (where leads_with_deal.lead_id is not null or leads.is_won) as leads_with_deal,
        count(*) filter (where leads.is_won) as leads_won
    from leads
    left join leads_with_deal on leads.lead_id = leads_with_deal.lead_id
    group by leads.created_on
),

-- Each in the first part that it is short enough for; what lasted less than nothing is in none.
resolved as (
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
    where resolved_on is not null
),

by_day as (
    select
        'funnel' as breakdown,
        'visitors' as part,
        first_visited_on as day,
        count(*) as item_count
    from visitors
    group by first_visited_on
    union all
    select
        'funnel' as breakdown,
        'leads' as part,
        created_on as day,
        leads_created as item_count
    from leads_by_day
    union all
    select
        'funnel' as breakdown,
        'qualified leads' as part,
        created_on as day,
        leads_qualified as item_count
    from leads_by_day
    union all
    select
        'funnel' as breakdown,
        'leads with a deal' as part,
        created_on as day,
        leads_with_deal as item_count
    from leads_by_day
    union all
    select
        'funnel' as breakdown,
        'leads with a won deal' as part,
        created_on as day,
        leads_won as item_count
    from leads_by_day
    union all
    select
        'net promoter score' as breakdown,
        case when is_promoter then 'promoters' when is_detractor then 'detractors' else 'passives' end as part,
        responded_on as day,
        count(*) as item_count
    from responses
    where survey_type = 'nps'
    group by responded_on, case when is_promoter then 'promoters' when is_detractor then 'detractors' else 'passives' end
    union all
    select
        'resolution time' as breakdown,
        part,
        resolved_on as day,
        count(*) as item_count
    from resolved
    where part is not null
    group by part, resolved_on
),

by_period as (
    select
        by_day.breakdown,
        by_day.part,
        period_days.period_id,
        cast(sum(by_day.item_count) as bigint) as item_count
    from by_day
    inner join period_days on by_day.day = period_days.day
    group by by_day.breakdown, by_day.part, period_days.period_id
),

-- A period that holds anything of a breakdown has all of its parts, the empty ones with 0. Without any web session in the data there are no
-- visitors to be told of, rather than none.
filled as (
    select distinct
        breakdown,
        period_id
    from by_period
),

known_parts as (
    select *
    from parts
    where part <> 'visitors' or exists (select 1 from visitors)
)

select
    known_parts.breakdown,
    periods.period_grain,
    periods.period_name,
    periods.period_start,
    periods.period_end,
    periods.is_complete,
    known_parts.part,
    cast(known_parts.part_order as bigint) as part_order,
    known_parts.hours_from,
    known_parts.hours_to,
    coalesce(by_period.item_count, 0) as item_count
from filled
inner join known_parts on filled.breakdown = known_parts.breakdown
inner join periods on filled.period_id = periods.period_id
left join by_period
    on
        filled.period_id = by_period.period_id
        and known_parts.breakdown = by_period.breakdown
        and known_parts.part = by_period.part
