-- One row per KPI, grain and comparison of its total: what changed, and whether it is more than chance.
select
    scorecard.kpi_id,
    scorecard.period_grain,
    scorecard.comparison,
    scorecard.period_name,
    scorecard.period_start,
    scorecard.kpi_value,
    scorecard.compared_with,
    scorecard.compared_value,
    scorecard.absolute_change,
    scorecard.relative_change,
    scorecard.p_value,
    scorecard.verdict,
    scorecard.target_status
from marts.kpi_scorecard as scorecard
where scorecard.segment_by = 'all' and scorecard.comparison <> 'benchmark'
order by scorecard.kpi_id, scorecard.period_grain, scorecard.comparison
