{%- set no_day = "cast('2100-01-01' as date)" -%}
with

leads as (
    select * from {{ ref('fct_leads') }}
),

lead_deals as (
    select * from {{ ref('int_lead_deals') }}
),

activities as (
    select * from {{ ref('fct_activities') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- as_of, and before it the days whose outcome is known: 28 of them, 90 days apart.
days as (
    select
        0 as day_number,
        as_of as day,
        as_of
    from reporting_window
    {%- for number in range(1, 29) %}
    union all
    select
        {{ number }} as day_number,
        {{ add_days('as_of', '- ' ~ setting('lead_chance_days') ~ ' - ' ~ 90 * (number - 1)) }} as day,
        as_of
    from reporting_window
    {%- endfor %}
),

-- What happened on a day that nobody knows may have been known on any: such a lead teaches nothing.
leads_with_dates as (
    select
        leads.*,
        least(leads.converted_on, lead_deals.won_on, {{ no_day }}) as won_on,
        least(leads.converted_on, leads.disqualified_on, lead_deals.first_deal_on, {{ no_day }}) as decided_on
    from leads
    left join lead_deals on leads.lead_id = lead_deals.lead_id
    where
        not (leads.is_converted and leads.converted_on is null)
        and not (leads.is_disqualified and leads.disqualified_on is null)
        and not leads.is_decided_on_unknown_day
),

-- A lead may be open on the days within a year: which these are is asked once for each day of creation, not for each lead.
days_of_a_year as (
    select
        created.created_on,
        days.day_number,
        days.day,
        days.as_of,
        {{ days_between('created.created_on', 'days.day') }} as age_days,
        {{ add_days('days.day', setting('lead_chance_days')) }} as outcome_on
    from (select distinct created_on from leads_with_dates) as created
    inner join days on created.created_on <= days.day and created.created_on > {{ add_days('days.day', -365) }}
),

-- Leads that are open at the end of a day, and no older than a year.
open_leads as (
    select
        leads_with_dates.*,
        days_of_a_year.day_number,
        days_of_a_year.day,
        days_of_a_year.age_days,
        case when days_of_a_year.outcome_on <= days_of_a_year.as_of then leads_with_dates.won_on <= days_of_a_year.outcome_on end
            as is_won_in_time
    from leads_with_dates
    inner join days_of_a_year
        on leads_with_dates.created_on = days_of_a_year.created_on and leads_with_dates.decided_on > days_of_a_year.day
),

activities_by_day as (
    select
        open_leads.lead_id,
        open_leads.day_number,
        count(*) as activities
    from open_leads
    inner join activities on open_leads.lead_id = activities.lead_id and open_leads.day >= activities.occurred_on
    group by open_leads.lead_id, open_leads.day_number
)

select
    -- ids
    open_leads.day_number,
    open_leads.lead_id,

    -- segments
    open_leads.source,
    open_leads.score_band,
    open_leads.industry,
    open_leads.country,
    {{ company_size('open_leads.employee_count') }} as company_size,
    case
        when open_leads.is_ideal_customer then 'met'
        when not open_leads.is_ideal_customer then 'not met'
        else '(none)'
    end as ideal_customer,
    case when open_leads.qualified_on <= open_leads.day then 'yes' else 'no' end as qualified,
    case
        when activities_by_day.activities is null then '0'
        when activities_by_day.activities < 3 then '1-2'
        else '3+'
    end as engagement,
    case
        when open_leads.age_days <= 7 then '0-7'
        when open_leads.age_days <= 30 then '8-30'
        when open_leads.age_days <= 90 then '31-90'
        when open_leads.age_days <= 180 then '91-180'
        else '181-365'
    end as age,

    -- numerics
    open_leads.score,

    -- booleans
    open_leads.is_won_in_time,

    -- dates
    open_leads.day
from open_leads
left join activities_by_day
    on open_leads.lead_id = activities_by_day.lead_id and open_leads.day_number = activities_by_day.day_number
