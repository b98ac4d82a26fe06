-- One row per trait that stalled deals have more often than the others, by more than chance; the clearest first.
select
    segment_by,
    segment,
    deals,
    stalled_deals,
    stalled_share,
    rest_stalled_share
from marts.stalled_deal_traits
where verdict = 'more often' and segment not in ('(none)', '(unknown)')
order by p_value_adjusted, segment_by, segment
limit 5
