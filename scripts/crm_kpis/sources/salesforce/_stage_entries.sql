-- One row per entry into a stage, by the best history that is landed.
with

histories as (
    select
        opportunity_id,
        stage,
        changed_at
    from opportunity_change
    union all
    select
        opportunity_id,
        new_value,
        changed_at
    from opportunity_field_change
    where not exists (select 1 from opportunity_change)
    union all
    -- The first stage is the old value of the first change.
    select
        opportunity_field_change.opportunity_id,
        arg_min(opportunity_field_change.old_value, opportunity_field_change.changed_at),
        min(opportunity.created_at)
    from opportunity_field_change
    inner join opportunity on opportunity_field_change.opportunity_id = opportunity.opportunity_id
    where not exists (select 1 from opportunity_change)
    group by opportunity_field_change.opportunity_id
    -- A stage that is left when the opportunity is added was never entered.
    having min(opportunity_field_change.changed_at) > min(opportunity.created_at)
    union all
    select
        opportunity_id,
        stage,
        valid_from
    from opportunity_version
    where not exists (select 1 from opportunity_change) and not exists (select 1 from opportunity_field_change)
),

histories_with_previous as (
    select
        *,
        lag(stage) over (partition by opportunity_id order by changed_at) as previous_stage
    from histories
    where stage is not null
)

select
    opportunity_id,
    stage,
    changed_at as entered_at,
    -- A stage from which an opportunity was closed, and taken up again, was left then. Before the last close it goes on to the close date.
    case when lead(changed_at, 2) over in_order is not null then lead(changed_at) over in_order end as exited_at
from histories_with_previous
where stage is distinct from previous_stage
window in_order as (partition by opportunity_id order by changed_at)
union all
-- Without any history only the present stage is known.
select
    opportunity_id,
    stage,
    stage_changed_at,
    null as exited_at
from opportunity
where not exists (select 1 from histories) and stage_changed_at is not null
