-- Answers to surveys. Satisfaction (csat) rises with the CRM, by the day of the answer; the CRM leaves the others alone.
-- Accounts differ in how easily they are satisfied.
with

answers as (
    select
        n * 5 as n, 'csat' as survey_type,
        add_days(resolved_at, 3 * u('surveys.csat_days', n)) as answered_at,
        'support' as touchpoint, account_id, contact_id, ticket_id, null as deal_id, null as user_id, account_n
    from tickets
    where resolved_at is not null and u('surveys.ticket', n) < csat_share()
    union all
    select
        n * 5 + 1 as n, 'ces' as survey_type,
        add_days(resolved_at, 3 * u('surveys.ces_days', n)) as answered_at,
        pick(['support', 'support', 'website', 'return'], u('surveys.ces_touchpoint', n)) as touchpoint,
        account_id, contact_id, ticket_id, null as deal_id, null as user_id, account_n
    from tickets
    where resolved_at is not null and u('surveys.ticket', n) > 1 - csat_share() / 3
    union all
    select
        n * 5 + 2 as n, 'csat' as survey_type,
        add_days(closed_at, 10 * u('surveys.deal_days', n)) as answered_at,
        'purchase' as touchpoint, account_id, null as contact_id, null as ticket_id, deal_id, null as user_id, account_n
    from deals
    where status = 'won' and u('surveys.deal', n) < 0.12
    union all
    select
        i * 5 + 3 as n, 'nps' as survey_type,
        moment_at_work(support_weeks(), 'surveys.nps_when', i) as answered_at,
        pick(['purchase', 'website', 'signup'], u('surveys.nps_touchpoint', i)) as touchpoint,
        'A' || base_account(u('surveys.nps_account', i)) as account_id,
        'C' || base_account(u('surveys.nps_account', i)) as contact_id,
        null as ticket_id, null as deal_id, null as user_id, base_account(u('surveys.nps_account', i)) as account_n
    from numbers
    where i <= n_nps()
    union all
    -- every half year, seven of ten answer
    select
        (users.n * 16 + half_year) * 5 + 4 as n, 'employee' as survey_type,
        first_day() + to_months(6 * half_year::integer) + to_days(floor(20 * u('surveys.day', users.n * 16 + half_year))
            ::integer) + to_hours(10) as answered_at,
        null as touchpoint, null as account_id, null as contact_id, null as ticket_id, null as deal_id, users.user_id,
        null as account_n
    from users, range(quarter_count() // 2) as half_years(half_year)
    where u('surveys.employee', users.n * 16 + half_year) < 0.7
        and (first_day() + to_months(6 * half_year::integer))::date
            between users.hired_on and coalesce(users.left_on, date '9999-12-31') - 21
),

timed as (
    select *, at_work(answered_at, u('surveys.time', n)) as responded_at
    from answers
),

swinging as (
    select
        *,
        swing(satisfaction_swings(), responded_at) as satisfied,
        swing(promoter_swings(), responded_at) as promoted,
        -- from half to twice the odds
        exp(1.4 * (u('accounts.mood', coalesce(account_n, 0)) - 0.5)) as mood
    from timed
    where responded_at < end_at()
),

scaled as (
    select
        *,
        u('surveys.score', n) as x,
        u('surveys.within', n) as y,
        u('surveys.explicit', n) < 0.5 as is_explicit,
        case
            when survey_type = 'nps' then 10
            when survey_type = 'ces' then 7
            when survey_type = 'employee' or u('surveys.scale', n) < 0.7 then 5
            when u('surveys.scale', n) < 0.85 then 7
            else 10
        end as top,
        case when survey_type = 'nps' and u('surveys.scale', n) > 0.15 then 0 else 1 end as bottom,
        -- the share of good answers
        case survey_type
            when 'csat' then swung(since_crm(responded_at, 0.60, 0.82), satisfied * mood)
            when 'ces' then swung(0.64, satisfied * mood)
            else 0.64
        end as good_share,
        swung(0.40, promoted * mood) as promoter_share,
        swung(0.26, 1 / (promoted * mood)) as detractor_share
    from swinging
),

scored as (
    select
        *,
        case
            when survey_type = 'nps' and x < promoter_share then 9 + floor(2 * y)
            when survey_type = 'nps' and x < 1 - detractor_share then 7 + floor(2 * y)
            when survey_type = 'nps' then greatest(bottom, 6 - floor(7 * y * y))
            when top = 5 then case when x < good_share then 4 + floor(2 * y) else 3 - floor(3 * y * y) end
            when top = 7 then case when x < good_share then 6 + floor(2 * y) else 5 - floor(5 * y * y) end
            else case when x < good_share then 8 + floor(3 * y) else 7 - floor(7 * y * y) end
        end as score
    from scaled
)

select
    n,
    'R' || n as response_id,
    survey_type,
    responded_at,
    score::decimal(18, 0) as score,
    -- a scale other than the usual one must be said; the usual one is in half of the answers
    case
        when is_explicit or bottom <> case when survey_type = 'nps' then 0 else 1 end
            or top <> case survey_type when 'nps' then 10 when 'ces' then 7 else 5 end then bottom::decimal(18, 0)
    end as scale_min,
    case
        when is_explicit or bottom <> case when survey_type = 'nps' then 0 else 1 end
            or top <> case survey_type when 'nps' then 10 when 'ces' then 7 else 5 end then top::decimal(18, 0)
    end as scale_max,
    touchpoint,
    case when u('surveys.comment', n) < 0.1
        then pick(['Très bien, merci', 'Schnelle Hilfe, danke', 'Könnte besser sein', 'Réponse trop tardive', 'OK',
                   'Alles gut; "gerne wieder"', 'Too many calls, no solution'], u('surveys.comment_text', n))
    end as comment,
    account_id,
    contact_id,
    ticket_id,
    deal_id,
    user_id
from scored
