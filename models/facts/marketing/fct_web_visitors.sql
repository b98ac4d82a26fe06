with

sessions as (
    select * from {{ ref('stg_web_sessions') }}
),

leads as (
    select * from {{ ref('fct_leads') }}
),

customers as (
    select * from {{ ref('fct_new_customers') }}
),

campaigns as (
    select * from {{ ref('dim_campaigns') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

known as (
    select sessions.*
    from sessions
    cross join reporting_window
    where {{ local_date('sessions.started_at') }} <= reporting_window.as_of
),

-- Two sessions may start at one instant: the session's key decides, so that every run tells the same.
sessions_numbered as (
    select
        *,
        row_number() over (partition by visitor_id order by started_at, session_id) as session_number
    from known
),

-- A visitor is a customer through any session: by its account, or by its lead - its account, its conversion, or its won deal.
visitors as (
    select
        sessions_numbered.visitor_id,
        min(sessions_numbered.started_at) as first_started_at,
        min(sessions_numbered.channel) filter (where sessions_numbered.session_number = 1) as channel,
        min(sessions_numbered.campaign_id) filter (where sessions_numbered.session_number = 1) as campaign_id,
        min(sessions_numbered.lead_id) as lead_id,
        coalesce(min(sessions_numbered.account_id), min(leads.account_id)) as account_id,
        bool_or(
            customers.account_id is not null
            or lead_customers.account_id is not null
            or coalesce(leads.is_converted or leads.is_won, false)
        ) as is_customer,
        count(*) as sessions,
        sum(sessions_numbered.page_views) as page_views
    from sessions_numbered
    left join leads on sessions_numbered.lead_id = leads.lead_id
    left join customers on sessions_numbered.account_id = customers.account_id
    left join customers as lead_customers on leads.account_id = lead_customers.account_id
    group by sessions_numbered.visitor_id
)

select
    -- ids
    visitors.visitor_id,
    {{ segment('campaigns.campaign_id', key='visitors.campaign_id', found='campaigns.campaign_id') }} as campaign_id,
    visitors.lead_id,
    visitors.account_id,

    -- segments
    {{ segment('visitors.channel') }} as channel,

    -- numerics
    visitors.sessions,
    cast(visitors.page_views as bigint) as page_views,

    -- booleans
    visitors.is_customer,

    -- dates
    {{ local_date('visitors.first_started_at') }} as first_visited_on
from visitors
left join campaigns on visitors.campaign_id = campaigns.campaign_id
