-- One row per entry into a stage. The first stage is the old value of the first change, since the deal was added.
with

first_changes as (
    select
        deal_id,
        arg_min(old_value, changed_at) as stage_id,
        arg_min(old_name, changed_at) as name,
        min(changed_at) as changed_at
    from deal_change
    group by deal_id
)

select
    deal_id,
    new_value as stage_id,
    new_name as name,
    changed_at as entered_at
from deal_change
union all
select
    first_changes.deal_id,
    first_changes.stage_id,
    first_changes.name,
    deal.created_at
from first_changes
inner join deal on first_changes.deal_id = deal.deal_id
-- A stage that is left when the deal is added was never entered.
where first_changes.changed_at > deal.created_at
union all
-- A deal without a change is in its first stage still. Where no changes are loaded, only when it entered its present stage is known.
select
    deal.deal_id,
    deal.stage_id,
    null,
    case when exists (select 1 from deal_change) then deal.created_at else coalesce(deal.stage_changed_at, deal.created_at) end
from deal
left join first_changes on deal.deal_id = first_changes.deal_id
where first_changes.deal_id is null
