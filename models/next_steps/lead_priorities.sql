{%- set text = dbt.type_string() -%}
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

lead_days as (
    select * from {{ ref('int_lead_days') }}
    where day_number = 0
),

trait_rates as (
    select * from {{ ref('int_lead_trait_rates') }}
    where day_number = 0
),

open_leads as (
    select * from {{ ref('open_leads') }}
),

traits_of_leads as (
    {%- for trait, english, german in trait_words %}
    select
        lead_id,
        '{{ trait }}' as trait_by,
        '{{ english }}' as words_en,
        '{{ german }}' as words_de,
        {{ trait }} as trait
    from lead_days
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

traits_with_weight as (
    select
        traits_of_leads.*,
        cast(cast(100 * trait_rates.win_share as decimal(5, 1)) as {{ text }}) as win_percent,
        row_number() over (
            partition by traits_of_leads.lead_id order by abs(trait_rates.log_odds) desc, traits_of_leads.trait_by
        ) as place
    from traits_of_leads
    inner join trait_rates
        on traits_of_leads.trait_by = trait_rates.trait_by and traits_of_leads.trait = trait_rates.trait
),

reasons as (
    select
        lead_id,
        {%- for language, percent in [('en', 'win_percent'), ('de', "replace(win_percent, '.', ',')")] %}
        {%- for place in [1, 2, 3] %}
        {{ '|| ' if place > 1 }}coalesce(
            max(case when place = {{ place }} then '{{ ', ' if place > 1 }}' || words_{{ language }} || ' ' || trait || ': ' || {{ percent }} || ' %' end),
            ''
        )
        {%- endfor %} as reasons_{{ language }}{{ ',' if not loop.last }}
        {%- endfor %}
    from traits_with_weight
    where place <= 3
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

ranked as (
    select
        open_leads.*,
        lead_chances.win_chance,
        row_number() over (
            order by lead_chances.win_chance desc, lead_chances.trait_log_odds desc, open_leads.created_on desc, open_leads.lead_id
        ) as rank,
        count(*) over () as all_leads
    from lead_chances
    inner join open_leads on lead_chances.lead_id = open_leads.lead_id
)

select
    -- ids
    ranked.lead_id,
    ranked.account_id,
    ranked.owner_id,

    -- segments
    ranked.team,
    ranked.source,
    ranked.industry,
    ranked.country,
    ranked.score_band,

    -- words
    'Won within {{ setting('lead_chance_days') }} days: '
    || reasons.reasons_en
    || '; all: ' || cast(cast(100 * totals.win_share as decimal(5, 1)) as {{ text }}) || ' %' as reasons_en,
    'Gewonnen innerhalb von {{ setting('lead_chance_days') }} Tagen: '
    || reasons.reasons_de
    || '; alle: ' || replace(cast(cast(100 * totals.win_share as decimal(5, 1)) as {{ text }}), '.', ',') || ' %' as reasons_de,

    -- durations
    ranked.age_days,
    ranked.days_without_move,

    -- numerics
    cast(ranked.rank as bigint) as rank,
    cast(floor((ranked.rank - 1) * 5.0 / ranked.all_leads) as bigint) + 1 as fifth,
    ranked.win_chance,
    totals.win_share as usual_win_share,
    cast(totals.leads as bigint) as learnt_leads,
    cast(totals.won_leads as bigint) as learnt_won_leads,
    ranked.score,
    ranked.activities,

    -- booleans
    ranked.is_qualified,
    ranked.is_stalled,

    -- dates
    ranked.created_on,
    ranked.last_moved_on
from ranked
cross join totals
left join reasons on ranked.lead_id = reasons.lead_id
