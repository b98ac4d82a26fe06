-- One row per KPI, dimension and member in the last quarter that is over, a fiscal one where there are such, for pictures of an area; the
-- 500 greatest of `members`.
with

shown_grain as (
    select case when count(*) > 0 then 'fiscal_quarter' else 'quarter' end as period_grain
    from marts.kpi_values
    where period_grain = 'fiscal_quarter'
),

last_quarters as (
    select
        kpi_values.kpi_id,
        kpi_values.segment_by,
        kpi_values.period_grain,
        max(kpi_values.period_start) as period_start
    from marts.kpi_values as kpi_values
    inner join shown_grain on kpi_values.period_grain = shown_grain.period_grain
    where kpi_values.is_complete and kpi_values.kpi_value is not null
    group by kpi_values.kpi_id, kpi_values.segment_by, kpi_values.period_grain
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
            and kpi_values.period_grain = last_quarters.period_grain
            and kpi_values.period_start = last_quarters.period_start
    where
        kpi_values.kpi_value is not null
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
