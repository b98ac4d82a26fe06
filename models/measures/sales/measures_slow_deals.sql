-- A segment without slow deals has no row; otherwise it would keep a row of 0 in all later periods.
with

slow_deals as (
    {% call stock_measures(
        ref('int_slow_deals'),
        first_day='slow_from',
        end_day='slow_until',
        segments=['stage', 'owner', 'source']
    ) %}
        count(*) as slow_deals
    {% endcall %}
)

select
    period_id,
    segment_by,
    segment,
    measure,
    value
from slow_deals
where value > 0
