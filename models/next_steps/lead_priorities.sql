{%- set text = dbt.type_string() %}
{# What a trait's values are called in German, where they are words of this project and not of the company's. #}
{%- set german_values = {
    'ideal_customer': "case ideal_customer when 'met' then 'erfüllt' when 'not met' then 'nicht erfüllt' end",
    'qualified': "case qualified when 'yes' then 'ja' when 'no' then 'nein' end",
} -%}
{%- set trait_words = [
    ('source', 'source', 'Quelle'),
    ('score_band', 'score', 'Score'),
    ('industry', 'industry', 'Branche'),
    ('country', 'country', 'Land'),
    ('company_size', 'employees', 'Beschäftigte'),
    ('ideal_customer', 'ideal customer profile', 'Idealkundenprofil'),
    ('qualified', 'qualified', 'qualifiziert'),
    ('engagement', 'activities', 'Aktivitäten'),
    ('age', 'days since it was created', 'Tage seit Anlage'),
] -%}
with

lead_chances as (
    select * from {{ ref('int_lead_chances') }}
    where day_number = 0
),

trait_rates as (
    select * from {{ ref('int_lead_trait_rates') }}
    where day_number = 0
),

open_leads as (
    select * from {{ ref('open_leads') }}
),

-- That a trait is not known is no reason.
traits_of_leads as (
    {%- for trait, english, german in trait_words %}
    select
        lead_id,
        '{{ trait }}' as trait_by,
        '{{ english }}' as words_en,
        '{{ german }}' as words_de,
        {{ trait }} as trait,
        {{ german_values.get(trait, trait) }} as trait_de
    from lead_chances
    where {{ trait }} not in ('(none)', '(unknown)')
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

traits_with_rate as (
    select
        traits_of_leads.*,
        trait_rates.log_odds,
        cast(cast(100 * trait_rates.win_share as decimal(5, 1)) as {{ text }}) as win_percent
    from traits_of_leads
    inner join trait_rates
        on traits_of_leads.trait_by = trait_rates.trait_by and traits_of_leads.trait = trait_rates.trait
),

traits_with_weight as (
    select
        lead_id,
        words_en || ' ' || trait || ': ' || win_percent || ' %' as reason_en,
        words_de || ' ' || trait_de || ': ' || replace(win_percent, '.', ',') || ' %' as reason_de,
        row_number() over (partition by lead_id order by abs(log_odds) desc, trait_by asc) as place
    from traits_with_rate
),

reasons as (
    select
        lead_id,
        max(reason_en) filter (where place = 1)
        || coalesce(', ' || max(reason_en) filter (where place = 2), '')
        || coalesce(', ' || max(reason_en) filter (where place = 3), '') as reasons_en,
        max(reason_de) filter (where place = 1)
        || coalesce(', ' || max(reason_de) filter (where place = 2), '')
        || coalesce(', ' || max(reason_de) filter (where place = 3), '') as reasons_de
    from traits_with_weight
    group by lead_id
),

totals as (
    select
        leads,
        won_leads,
        win_share
    from trait_rates
    where trait_by = 'all'
),

-- Where no earlier lead was won, or the data have no deals, nobody knows a chance.
known_chances as (
    select
        lead_chances.lead_id,
        totals.leads,
        totals.won_leads,
        case when totals.won_leads > 0 then totals.win_share end as win_share,
        case when totals.won_leads > 0 then lead_chances.win_chance end as win_chance,
        case when totals.won_leads > 0 then lead_chances.trait_log_odds end as trait_log_odds
    from lead_chances
    cross join totals
),

leads_ranked as (
    select
        open_leads.*,
        known_chances.leads,
        known_chances.won_leads,
        known_chances.win_share,
        known_chances.win_chance,
        row_number() over (
            order by
                known_chances.win_chance desc nulls last, known_chances.trait_log_odds desc nulls last,
                open_leads.created_on desc, open_leads.lead_id asc
        ) as rank,
        count(*) over () as all_leads
    from known_chances
    inner join open_leads on known_chances.lead_id = open_leads.lead_id
)

select
    -- ids
    leads_ranked.lead_id,
    leads_ranked.account_id,
    leads_ranked.owner_id,

    -- segments
    leads_ranked.team,
    leads_ranked.source,
    leads_ranked.industry,
    leads_ranked.country,
    leads_ranked.score_band,

    -- words
    case
        when leads_ranked.won_leads = 0 then 'no earlier open lead was won within {{ setting('lead_chance_days') }} days'
        else
            'Won within {{ setting('lead_chance_days') }} days: '
            || reasons.reasons_en
            || '; all: ' || cast(cast(100 * leads_ranked.win_share as decimal(5, 1)) as {{ text }}) || ' %'
    end as reasons_en,
    case
        when leads_ranked.won_leads = 0
            then 'kein früherer offener Lead wurde innerhalb von {{ setting('lead_chance_days') }} Tagen gewonnen'
        else
            'Gewonnen innerhalb von {{ setting('lead_chance_days') }} Tagen: '
            || reasons.reasons_de
            || '; alle: ' || replace(cast(cast(100 * leads_ranked.win_share as decimal(5, 1)) as {{ text }}), '.', ',') || ' %'
    end as reasons_de,

    -- durations
    leads_ranked.age_days,
    leads_ranked.days_without_move,

    -- numerics
    cast(leads_ranked.rank as bigint) as rank,
    cast(floor((leads_ranked.rank - 1) * 5.0 / leads_ranked.all_leads) as bigint) + 1 as fifth,
    leads_ranked.win_chance,
    leads_ranked.win_share as usual_win_share,
    cast(leads_ranked.leads as bigint) as learnt_leads,
    cast(leads_ranked.won_leads as bigint) as learnt_won_leads,
    leads_ranked.score,
    leads_ranked.activities,

    -- booleans
    leads_ranked.is_qualified,
    leads_ranked.is_stalled,

    -- dates
    leads_ranked.created_on,
    leads_ranked.last_moved_on
from leads_ranked
left join reasons on leads_ranked.lead_id = reasons.lead_id
