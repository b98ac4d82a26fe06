-- One row per open lead, those with the highest chance first; the first 200. `found` says how many there are.
with

counted as (
    select
        *,
        count(*) over () as found
    from marts.lead_priorities
)

select
    found,
    rank,
    lead_id,
    account_id,
    owner_id as owner,
    team,
    source,
    country,
    industry,
    score_band,
    win_chance,
    usual_win_share,
    learnt_won_leads,
    age_days,
    days_without_move,
    reasons_en,
    reasons_de
from counted
where rank <= 200
order by rank
