{%- set traits = ['source', 'score_band', 'industry', 'country', 'company_size', 'ideal_customer', 'qualified', 'engagement', 'age'] -%}
with

lead_days as (
    select * from {{ ref('int_lead_days') }}
),

days as (
    select distinct
        day_number,
        day
    from lead_days
),

counts as (
    {%- for trait in ['all'] + traits %}
    select
        day_number,
        '{{ trait }}' as trait_by,
        {{ "'all'" if trait == 'all' else trait }} as trait,
        count(*) as leads,
        count(*) filter (where is_won_in_time) as won_leads
    from lead_days
    where is_won_in_time is not null
    group by day_number{{ ', ' ~ trait if trait != 'all' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- What a day could have learnt: of the days of three years, those whose outcome was known by then.
counts_known as (
    select
        days.day_number,
        counts.trait_by,
        counts.trait,
        cast(sum(counts.leads) as double) as leads,
        cast(sum(counts.won_leads) as double) as won_leads
    from days
    inner join days as earlier_days
        on
            {{ add_days('earlier_days.day', setting('lead_chance_days')) }} <= days.day
            and {{ add_days('earlier_days.day', setting('lead_chance_days') ~ ' + 1095') }} > days.day
    inner join counts on earlier_days.day_number = counts.day_number
    group by days.day_number, counts.trait_by, counts.trait
),

totals as (
    select
        day_number,
        leads,
        won_leads,
        (won_leads + 0.5) / (leads + 1.0) as win_share
    from counts_known
    where trait_by = 'all'
),

-- Smoothed towards the total: as if each trait had two more wins, among as many leads as the total has to two wins.
rates_smoothed as (
    select
        counts_known.day_number,
        counts_known.trait_by,
        counts_known.trait,
        counts_known.leads,
        counts_known.won_leads,
        totals.leads as all_leads,
        totals.won_leads as all_won_leads,
        totals.win_share as total_win_share,
        case
            when counts_known.trait_by = 'all' then totals.win_share
            else (counts_known.won_leads + 2) / (counts_known.leads + 2 / totals.win_share)
        end as win_share
    from counts_known
    inner join totals on counts_known.day_number = totals.day_number
)

select
    -- ids
    day_number,
    trait_by,
    trait,

    -- numerics
    cast(leads as bigint) as leads,
    cast(won_leads as bigint) as won_leads,
    cast(all_leads as bigint) as all_leads,
    cast(all_won_leads as bigint) as all_won_leads,
    win_share,
    total_win_share,
    ln(win_share / (1 - win_share))
    - case
        when trait_by = 'all' then 0.0
        else ln(total_win_share / (1 - total_win_share))
    end as log_odds
from rates_smoothed
