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
responses_with_scale as (
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
linked_responses as (
    select
        responses_with_scale.*,
        tickets.ticket_id as found_ticket_id,
        coalesce(responses_with_scale.account_id, nullif(tickets.account_id, '(none)')) as any_account_id,
        coalesce(responses_with_scale.user_id, nullif(tickets.owner_id, '(none)')) as any_user_id,
        tickets.product_id,
        tickets.channel,
        tickets.category
    from responses_with_scale
    left join tickets on responses_with_scale.ticket_id = tickets.ticket_id
)

select
    -- ids
    linked_responses.response_id,
    {{ segment('accounts.account_id', key='linked_responses.any_account_id', found='accounts.account_id') }} as account_id,
    {{ segment('users.user_id', key='linked_responses.any_user_id', found='users.user_id') }} as owner_id,
    {{ segment('linked_responses.product_id', key='linked_responses.ticket_id', found='linked_responses.found_ticket_id') }} as product_id,
    linked_responses.ticket_id,
    linked_responses.deal_id,

    -- segments
    linked_responses.survey_type,
    {{ segment('linked_responses.touchpoint') }} as touchpoint,
    {{ segment('linked_responses.channel', key='linked_responses.ticket_id', found='linked_responses.found_ticket_id') }} as channel,
    {{ segment('linked_responses.category', key='linked_responses.ticket_id', found='linked_responses.found_ticket_id') }} as category,
    {{ segment('users.team', key='linked_responses.any_user_id', found='users.user_id') }} as team,
    {{ segment('accounts.industry', key='linked_responses.any_account_id', found='accounts.account_id') }} as industry,
    {{ segment('accounts.country', key='linked_responses.any_account_id', found='accounts.account_id') }} as country,
    {{ segment('accounts.company_size', key='linked_responses.any_account_id', found='accounts.account_id') }} as company_size,

    -- personal
    {{ personal_column('survey_responses.comment', 'linked_responses.comment') }} as comment,

    -- scores
    linked_responses.score,
    linked_responses.lowest as scale_min,
    linked_responses.highest as scale_max,
    cast(
        1
        + 4 * cast(linked_responses.score - linked_responses.lowest as double)
        / cast(linked_responses.highest - linked_responses.lowest as double) as decimal(18, 12)
    ) as score_on_1_to_5,
    cast(
        1
        + 6 * cast(linked_responses.score - linked_responses.lowest as double)
        / cast(linked_responses.highest - linked_responses.lowest as double) as decimal(18, 12)
    ) as score_on_1_to_7,

    -- booleans: three quarters of the way up is 4 of 1 to 5; the bands of the Net Promoter Score are fixed points of a scale to 10
    4 * (linked_responses.score - linked_responses.lowest) >= 3 * (linked_responses.highest - linked_responses.lowest) as is_satisfied,
    linked_responses.survey_type = 'nps' and linked_responses.score >= 9 as is_promoter,
    linked_responses.survey_type = 'nps' and linked_responses.score <= 6 as is_detractor,

    -- dates
    linked_responses.responded_on
from linked_responses
left join accounts on linked_responses.any_account_id = accounts.account_id
left join users on linked_responses.any_user_id = users.user_id
