{#
    Steps:
    current_*     what the models of purchases and subscriptions say at as_of
    open_tickets, last_answers, running_subscriptions   the signs beside it
    customers     all of it, a row each
    worth*        what a customer brings in a year, what of it is at risk, and its place among the others
#}
{% set text = dbt.type_string() %}

with

risks as (
    select * from {{ ref('int_customer_risks') }}
),

histories as (
    select * from {{ ref('int_purchase_histories') }}
),

chances as (
    select * from {{ ref('int_purchase_chances') }}
),

purchase_amounts as (
    select * from {{ ref('int_purchase_amounts') }}
),

new_customers as (
    select * from {{ ref('fct_new_customers') }}
),

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

tickets as (
    select * from {{ ref('fct_tickets') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
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

earlier_risks as (
    select
        account_id,
        risk_group
    from risks
    where days_back = 90
),

open_tickets as (
    select
        account_id,
        count(*) as open_tickets
    from tickets
    where open_until is null
    group by account_id
),

ranked_answers as (
    select
        account_id,
        score_on_1_to_5,
        responded_on,
        row_number() over (partition by account_id order by responded_on desc, score_on_1_to_5 asc, response_id asc) as recency
    from responses
    where survey_type <> 'employee' and score is not null
),

last_answers as (
    select
        account_id,
        score_on_1_to_5,
        responded_on
    from ranked_answers
    where recency = 1
),

running_subscriptions as (
    select
        subscriptions.account_id,
        sum(subscriptions.monthly_amount) as monthly_amount
    from subscriptions
    cross join reporting_window
    where subscriptions.ended_on is null or subscriptions.ended_on > reporting_window.as_of
    group by subscriptions.account_id
),

-- The end of the latest span of days in which a subscription runs; NULL: none is planned.
renewals as (
    select
        account_id,
        case when count(active_until) = count(*) then max(active_until) end as ends_on
    from intervals
    where has_subscription
    group by account_id
),

customers as (
    select
        risks.account_id,
        risks.risk_group,
        coalesce(earlier_risks.risk_group, '(none)') as risk_group_90_days_ago,
        risks.active_chance,
        risks.churn_chance_90_days,
        risks.churn_chance_365_days,
        risks.has_subscription,
        risks.is_subscribed,
        risks.is_subscribed
        or coalesce(
            chances.purchase_chance_365_days >= 0.5 * risks.active_chance, nullif(risks.has_subscription, false)
        ) as is_regular,
        accounts.industry,
        accounts.country,
        accounts.company_size,
        {{ segment('users.user_id', key='accounts.owner_id', found='users.user_id') }} as owner_id,
        coalesce(histories.purchases, 0) as purchases,
        histories.amount as purchased_amount,
        purchase_amounts.average_amount,
        purchase_amounts.expected_amount,
        case when risks.is_subscribed then running_subscriptions.monthly_amount end as monthly_amount,
        risks.expected_months,
        chances.purchase_chance_30_days,
        chances.purchase_chance_90_days,
        chances.purchase_chance_365_days,
        chances.expected_purchases_365_days,
        chances.next_purchase_due_on,
        coalesce(chances.next_purchase_due_on < reporting_window.as_of, false) as is_purchase_overdue,
        coalesce(open_tickets.open_tickets, 0) as open_tickets,
        last_answers.score_on_1_to_5 as last_satisfaction,
        last_answers.responded_on as last_satisfaction_on,
        new_customers.first_purchased_on,
        histories.last_purchased_on,
        renewals.ends_on,
        {{ days_between('histories.last_purchased_on', 'reporting_window.as_of') }} as days_since_purchase,
        {{ days_between('histories.first_purchased_on', 'reporting_window.as_of') }} as known_days
    from risks
    cross join reporting_window
    inner join new_customers on risks.account_id = new_customers.account_id
    inner join accounts on risks.account_id = accounts.account_id
    left join users on accounts.owner_id = users.user_id
    left join earlier_risks on risks.account_id = earlier_risks.account_id
    left join histories on risks.account_id = histories.account_id and risks.outlook_on = histories.outlook_on
    left join chances on risks.account_id = chances.account_id and risks.outlook_on = chances.outlook_on
    left join purchase_amounts on risks.account_id = purchase_amounts.account_id
    left join running_subscriptions on risks.account_id = running_subscriptions.account_id
    left join renewals on risks.account_id = renewals.account_id
    left join open_tickets on risks.account_id = open_tickets.account_id
    left join last_answers on risks.account_id = last_answers.account_id
    where risks.days_back = 0
),

-- The invoices of a subscription may be orders as well, so the larger of the two counts, not both.
worth as (
    select
        *,
        greatest(
            cast(purchased_amount as double) * 365 / greatest(known_days, 365),
            12 * cast(monthly_amount as double)
        ) as yearly_amount,
        greatest(
            expected_purchases_365_days * expected_amount,
            expected_months * cast(monthly_amount as double)
        ) as expected_revenue_365_days
    from customers
),

-- What it would bring if it certainly stayed, less what is expected.
worth_at_risk as (
    select
        *,
        case
            when is_subscribed then (12 - expected_months) * cast(monthly_amount as double)
            else expected_revenue_365_days * (1 - active_chance) / nullif(active_chance, 0)
        end as revenue_at_risk_365_days
    from worth
),

customers_ranked as (
    select
        *,
        percent_rank() over (partition by yearly_amount is null order by yearly_amount desc nulls last) as worth_rank
    from worth_at_risk
)

select
    -- ids
    account_id,
    owner_id,

    -- segments
    industry,
    country,
    company_size,
    case
        when yearly_amount is null then '(none)'
        when worth_rank < 0.2 then 'high'
        when worth_rank < 0.5 then 'middle'
        else 'low'
    end as value_group,
    risk_group,
    risk_group_90_days_ago,

    -- words
    {% for language, words in outlook_words().items() %}
    {{ joined_reasons([
        "case when purchases = 1 then " ~ words.one_purchase ~ " || " ~ written_day("last_purchased_on", language)
        ~ " when purchases > 1 then cast(purchases as " ~ text ~ ") || " ~ words.purchases
        ~ " || " ~ written_day("last_purchased_on", language) ~ " end",
        "case when is_purchase_overdue then " ~ words.overdue ~ " || " ~ written_day("next_purchase_due_on", language) ~ " end",
        "case when purchases > 0 and purchase_chance_90_days is null then " ~ words.no_purchase_model ~ " end",
        "case when is_subscribed and ends_on is not null then " ~ words.subscription_ends ~ " || "
        ~ written_day("ends_on", language)
        ~ " when is_subscribed then " ~ words.subscribed
        ~ " when has_subscription then " ~ words.subscription_ended ~ " || " ~ written_day("ends_on", language) ~ " end",
        "case when is_subscribed and churn_chance_365_days is null then " ~ words.no_churn_model ~ " end",
        "case when open_tickets > 0 then " ~ words.open_tickets ~ " || cast(open_tickets as " ~ text ~ ") end",
        "case when last_satisfaction < 4 then " ~ words.low_satisfaction
        ~ " || replace(cast(cast(last_satisfaction as decimal(3, 1)) as " ~ text ~ "), '.', " ~ words.decimal_mark ~ ")"
        ~ " || " ~ words.of_five ~ " end",
    ]) }} as reasons_{{ language }},
    {% endfor %}

    -- amounts
    cast(purchased_amount as double) as purchased_amount,
    average_amount as average_purchase_amount,
    cast(monthly_amount as double) as monthly_amount,
    yearly_amount,
    expected_revenue_365_days,
    revenue_at_risk_365_days,

    -- numerics
    purchases,
    cast(active_chance as double) as active_chance,
    purchase_chance_30_days,
    purchase_chance_90_days,
    purchase_chance_365_days,
    churn_chance_90_days,
    churn_chance_365_days,
    expected_purchases_365_days,
    open_tickets,
    last_satisfaction,

    -- durations
    days_since_purchase,

    -- booleans
    has_subscription,
    is_subscribed,
    is_regular,
    is_purchase_overdue,

    -- dates
    first_purchased_on,
    last_purchased_on,
    next_purchase_due_on,
    last_satisfaction_on,
    case when is_subscribed then ends_on end as renewal_on
from customers_ranked
