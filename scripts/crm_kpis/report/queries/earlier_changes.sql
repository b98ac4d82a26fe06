-- One row per evaluation, KPI and earlier comparison, the latest first: how different the same comparison came out when it was made earlier.
select
    evaluation_name,
    kpi_id,
    ends_on,
    change
from marts.kpi_earlier_changes
order by evaluation_name, kpi_id, shift
