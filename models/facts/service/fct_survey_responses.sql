with

responses as (
    select * from {{ ref('stg_survey_responses') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- The scales that the contract takes where a response names none.
scaled as (
    select
        responses.*,
        {{ local_date('responses.responded_at') }} as responded_on,
        {{ value_or_default('survey_responses', 'scale_min', 'responses.scale_min') }} as lowest,
        {{ value_or_default('survey_responses', 'scale_max', 'responses.scale_max') }} as highest
    from responses
    cross join reporting_window
    where {{ local_date('responses.responded_at') }} <= reporting_window.as_of
),

-- A response about a ticket belongs to the ticket's account and agent; an employee's to the employee's team.
linked as (
    select
        scaled.*,
        tickets.ticket_id as found_ticket_id,
        coalesce(scaled.account_id, nullif(tickets.account_id, '(none)')) as any_account_id,
        coalesce(scaled.user_id, nullif(tickets.owner_id, '(none)')) as any_user_id,
        tickets.product_id,
        tickets.channel,
        tickets.category
    from scaled
    left join tickets on scaled.ticket_id = tickets.ticket_id
)

select
    -- ids
    linked.response_id,
    {{ segment('accounts.account_id', key='linked.any_account_id', found='accounts.account_id') }} as account_id,
    {{ segment('users.user_id', key='linked.any_user_id', found='users.user_id') }} as owner_id,
    {{ segment('linked.product_id', key='linked.ticket_id', found='linked.found_ticket_id') }} as product_id,
    linked.ticket_id,
    linked.deal_id,

    -- segments
    linked.survey_type,
    {{ segment('linked.touchpoint') }} as touchpoint,
    {{ segment('linked.channel', key='linked.ticket_id', found='linked.found_ticket_id') }} as channel,
    {{ segment('linked.category', key='linked.ticket_id', found='linked.found_ticket_id') }} as category,
    {{ segment('users.team', key='linked.any_user_id', found='users.user_id') }} as team,
    {{ segment('accounts.industry', key='linked.any_account_id', found='accounts.account_id') }} as industry,
    {{ segment('accounts.country', key='linked.any_account_id', found='accounts.account_id') }} as country,
    {{ segment('accounts.company_size', key='linked.any_account_id', found='accounts.account_id') }} as company_size,

    -- personal
    {{ personal_column('survey_responses.comment', 'linked.comment') }} as comment,

    -- scores
    linked.score,
    linked.lowest as scale_min,
    linked.highest as scale_max,
    cast(
        1 + 4 * cast(linked.score - linked.lowest as double) / cast(linked.highest - linked.lowest as double) as decimal(18, 12)
    ) as score_on_1_to_5,
    cast(
        1 + 6 * cast(linked.score - linked.lowest as double) / cast(linked.highest - linked.lowest as double) as decimal(18, 12)
    ) as score_on_1_to_7,

    -- booleans: three quarters of the way up is 4 of 1 to 5; the bands of the Net Promoter Score are fixed points of a scale to 10
    4 * (linked.score - linked.lowest) >= 3 * (linked.highest - linked.lowest) as is_satisfied,
    linked.survey_type = 'nps' and linked.score >= 9 as is_promoter,
    linked.survey_type = 'nps' and linked.score <= 6 as is_detractor,

    -- dates
    linked.responded_on
from linked
left join accounts on linked.any_account_id = accounts.account_id
left join users on linked.any_user_id = users.user_id
