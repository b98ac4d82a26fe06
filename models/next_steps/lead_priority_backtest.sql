with

lead_chances as (
    select * from {{ ref('int_lead_chances') }}
    where is_won_in_time is not null
),

trait_rates as (
    select * from {{ ref('int_lead_trait_rates') }}
    where trait_by = 'all'
),

-- Each chance is what could be known on its day. What the leads are ranked by; the more, the better. Leads without a score come last.
ranked_leads as (
    select
        day_number,
        day,
        'win_chance' as ranked_by,
        win_chance as ranking_value,
        win_chance,
        is_won_in_time
    from lead_chances
    union all
    select
        day_number,
        day,
        'crm_score' as ranked_by,
        coalesce(cast(score as double), -1.0) as ranking_value,
        win_chance,
        is_won_in_time
    from lead_chances
    union all
    select
        day_number,
        day,
        'nothing' as ranked_by,
        0.0 as ranking_value,
        win_chance,
        is_won_in_time
    from lead_chances
),

-- Leads of one value share their places: each is as likely to come first.
ties as (
    select
        day_number,
        day,
        ranked_by,
        ranking_value,
        cast(count(*) as double) as leads,
        cast(count(*) filter (where is_won_in_time) as double) as won_leads,
        sum(cast(win_chance as decimal(38, 12))) as expected_won_leads
    from ranked_leads
    group by day_number, day, ranked_by, ranking_value
),

ties_placed as (
    select
        *,
        (sum(leads) over so_far) - leads as leads_before,
        sum(leads) over (partition by day_number, ranked_by) as all_leads,
        sum(won_leads) over (partition by day_number, ranked_by) as all_won_leads
    from ties
    window so_far as (
        partition by day_number, ranked_by order by ranking_value desc rows between unbounded preceding and current row
    )
),

tenths (tenth) as (
    values (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)
),

-- A tie that goes over the end of a tenth is shared between the two.
ties_shared as (
    select
        ties_placed.*,
        tenths.tenth,
        (
            least(ties_placed.leads_before + ties_placed.leads, tenths.tenth * ties_placed.all_leads / 10.0)
            - greatest(ties_placed.leads_before, (tenths.tenth - 1) * ties_placed.all_leads / 10.0)
        ) / ties_placed.leads as part
    from ties_placed
    inner join tenths
        on
            ties_placed.leads_before < tenths.tenth * ties_placed.all_leads / 10.0
            and ties_placed.leads_before + ties_placed.leads > (tenths.tenth - 1) * ties_placed.all_leads / 10.0
),

by_tenth as (
    select
        day_number,
        day,
        ranked_by,
        tenth,
        all_won_leads,
        sum(cast(part * leads as decimal(28, 10))) as leads,
        sum(cast(part * won_leads as decimal(28, 10))) as won_leads,
        sum(cast(part * cast(expected_won_leads as double) as decimal(28, 14))) as expected_won_leads
    from ties_shared
    group by day_number, day, ranked_by, tenth, all_won_leads
),

-- Decimals add up to the same in any order; what is divided is a double.
tenths_summed as (
    select
        day_number,
        day,
        ranked_by,
        tenth,
        all_won_leads,
        cast(leads as double) as leads,
        cast(won_leads as double) as won_leads,
        cast(expected_won_leads as double) as expected_won_leads,
        cast(sum(won_leads) over (
            partition by day_number, ranked_by order by tenth rows between unbounded preceding and current row
        ) as double) as won_leads_so_far
    from by_tenth
)

select
    -- ids
    tenths_summed.day as backtest_day,
    tenths_summed.ranked_by,
    cast(tenths_summed.tenth as bigint) as tenth,

    -- numerics
    tenths_summed.leads,
    tenths_summed.won_leads,
    case when tenths_summed.ranked_by = 'win_chance' then tenths_summed.expected_won_leads end as expected_won_leads,
    tenths_summed.won_leads / tenths_summed.leads as won_share,
    {{ wilson_low('tenths_summed.won_leads', 'tenths_summed.leads') }} as won_share_low,
    {{ wilson_high('tenths_summed.won_leads', 'tenths_summed.leads') }} as won_share_high,
    tenths_summed.won_leads / nullif(tenths_summed.all_won_leads, 0) as share_of_wins,
    tenths_summed.won_leads_so_far / nullif(tenths_summed.all_won_leads, 0) as share_of_wins_so_far,
    cast(trait_rates.leads as bigint) as learnt_leads,
    cast(trait_rates.won_leads as bigint) as learnt_won_leads
from tenths_summed
inner join trait_rates on tenths_summed.day_number = trait_rates.day_number
