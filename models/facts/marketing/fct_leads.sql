with

leads as (
    select * from {{ ref('stg_leads') }}
),

deals as (
    select * from {{ ref('stg_deals') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

campaigns as (
    select * from {{ ref('dim_campaigns') }}
),

ideal_customer_profile as (
    select * from {{ source('settings', 'ideal_customer_profile') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

int_known_costs as (
    select * from {{ ref('int_known_costs') }}
),

-- What happened after as_of is not known yet.
known as (
    select
        leads.*,
        {{ local_date('leads.created_at') }} as created_on,
        case
            when {{ local_date('leads.qualified_at') }} <= reporting_window.as_of
                then {{ local_date('leads.qualified_at') }}
        end as qualified_on,
        case
            when {{ local_date('leads.converted_at') }} <= reporting_window.as_of
                then {{ local_date('leads.converted_at') }}
        end as converted_on,
        case
            when {{ local_date('leads.disqualified_at') }} <= reporting_window.as_of
                then {{ local_date('leads.disqualified_at') }}
        end as disqualified_on
    from leads
    cross join reporting_window
    where {{ local_date('leads.created_at') }} <= reporting_window.as_of
),

-- fct_deals reads this model, so what is won by as_of is told from the raw deals here.
won_deals as (
    select
        deals.deal_id,
        deals.lead_id
    from deals
    cross join reporting_window
    where
        deals.status = 'won'
        and {{ local_date('deals.closed_at') }} <= reporting_window.as_of
),

won_leads as (
    select distinct lead_id
    from won_deals
),

-- What a row of the profile asks for must be given: a lead whose country is not known does not meet one that names a country.
ideal_leads as (
    select distinct known.lead_id
    from known
    inner join ideal_customer_profile as profile
        on
            (profile.industry is null or lower(known.industry) = lower(profile.industry))
            and (profile.country is null or lower(known.country) = lower(profile.country))
            and (profile.employee_count_from is null or known.employee_count >= profile.employee_count_from)
            and (profile.employee_count_to is null or known.employee_count <= profile.employee_count_to)
),

profile_size as (
    select count(*) as profile_rows from ideal_customer_profile
)

select
    -- ids
    known.lead_id,
    {{ segment('users.user_id', key='known.owner_id', found='users.user_id') }} as owner_id,
    {{ segment('campaigns.campaign_id', key='known.campaign_id', found='campaigns.campaign_id') }} as campaign_id,
    known.account_id,
    known.deal_id,

    -- segments
    {{ segment('users.team', key='known.owner_id', found='users.user_id') }} as team,
    {{ segment('known.source') }} as source,
    {{ segment('campaigns.channel', key='known.campaign_id', found='campaigns.campaign_id') }} as channel,
    {{ segment('known.industry') }} as industry,
    {{ segment('known.country') }} as country,
    case
        when known.score < 20 then '0-19'
        when known.score < 40 then '20-39'
        when known.score < 60 then '40-59'
        when known.score < 80 then '60-79'
        when known.score >= 80 then '80-100'
        else '(none)'
    end as score_band,

    -- personal
    {{ personal_column('leads.company_name', 'known.company_name') }} as company_name,

    -- numerics
    known.score,
    known.employee_count,

    -- booleans
    known.campaign_id is not null as is_from_campaign,
    coalesce(
        known.created_on between int_known_costs.marketing_spend_known_from and int_known_costs.marketing_spend_known_until, false
    ) as is_spend_known,
    -- What happened at an impossible time happened on a day that nobody knows.
    known.qualified_on is not null or coalesce(known.is_qualified and known.qualified_at is null, false) as is_qualified,
    known.converted_on is not null or coalesce(known.is_converted and known.converted_at is null, false) as is_converted,
    -- The link stands in the deal, in the lead, or in both.
    won_leads.lead_id is not null or won_deals.deal_id is not null as is_won,
    known.disqualified_on is not null or coalesce(known.is_disqualified and known.disqualified_at is null, false) as is_disqualified,
    coalesce(
        lower(known.status) in ('converted', 'disqualified') and known.converted_at is null and known.disqualified_at is null, false
    ) as is_decided_on_unknown_day,
    case when profile_size.profile_rows > 0 then ideal_leads.lead_id is not null end as is_ideal_customer,

    -- dates
    {{ local_date('known.first_touch_at') }} as first_touch_on,
    known.created_on,
    known.qualified_on,
    known.converted_on,
    known.disqualified_on,

    -- timestamps
    known.created_at
from known
cross join profile_size
cross join int_known_costs
left join ideal_leads on known.lead_id = ideal_leads.lead_id
left join users on known.owner_id = users.user_id
left join campaigns on known.campaign_id = campaigns.campaign_id
left join won_leads on known.lead_id = won_leads.lead_id
left join won_deals on known.deal_id = won_deals.deal_id
