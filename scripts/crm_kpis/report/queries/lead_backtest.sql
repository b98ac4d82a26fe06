-- One row per ranking: which share of the wins of earlier days lay in its top fifth. Without a name it is the order of chance.
select
    ranked_by,
    sum(won_leads) as won_leads,
    sum(won_leads) filter (where tenth <= 2) / nullif(sum(won_leads), 0) as share_in_top_fifth
from marts.lead_priority_backtest
group by ranked_by
