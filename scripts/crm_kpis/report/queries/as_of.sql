-- One row: the last day that counts; NULL where nothing happened in them.
select max(period_end) as as_of
from marts.kpi_values
where period_grain = 'all'
