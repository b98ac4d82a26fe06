-- One row per KPI, dimension and member in the last quarter that is over, for pictures of an area; the 500 greatest of `members`.
with

last_quarters as (
    select
        kpi_id,
        segment_by,
        max(period_start) as period_start
    from marts.kpi_values
    where period_grain = 'quarter' and is_complete and kpi_value is not null
    group by kpi_id, segment_by
),

latest as (
    select
        kpi_values.kpi_id,
        kpi_values.segment_by,
        kpi_values.segment,
        kpi_values.period_name,
        kpi_values.sample_size,
        kpi_values.kpi_value,
        kpi_values.interval_low,
        kpi_values.interval_high,
        row_number() over (
            partition by kpi_values.kpi_id, kpi_values.segment_by
            order by kpi_values.kpi_value desc, kpi_values.segment
        ) as place,
        count(*) over (partition by kpi_values.kpi_id, kpi_values.segment_by) as members
    from marts.kpi_values as kpi_values
    inner join last_quarters
        on
            kpi_values.kpi_id = last_quarters.kpi_id
            and kpi_values.segment_by = last_quarters.segment_by
            and kpi_values.period_start = last_quarters.period_start
    where
        kpi_values.period_grain = 'quarter'
        and kpi_values.kpi_value is not null
        and (kpi_values.kpi_id, kpi_values.segment_by) in (
            ('stage_days', 'stage'), ('stage_days_median', 'stage'),
            ('open_pipeline', 'stage'), ('open_pipeline', 'owner'),
            ('cost_per_lead', 'channel'), ('lead_conversion_rate', 'channel')
        )
)

select *
from latest
where place <= 500
order by kpi_id, segment_by, place
