-- One row per evaluation, KPI and earlier comparison, the latest first: how different the same comparison came out at an earlier date.
select
    evaluation_name,
    kpi_id,
    ends_on,
    change
from marts.kpi_earlier_changes
order by evaluation_name, kpi_id, shift
