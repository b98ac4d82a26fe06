-- The stages of a deal in order, some skipped; in one deal of twelve the last one is left for the one before and entered
-- again. Some deals have no history, as they are older than the export or were entered afterwards. The key (deal,
-- moment) allows no two entries at one moment, so deals that are clicked through enter a stage a second.
with

histories as (
    select
        n as deal_n, deal_id, pipeline, created_at, last_seen_at, closed_at, stages_reached,
        stages_reached + case when stages_reached > 1 and u('deal_stages.again', n) < 0.08 then 2 else 0 end as visits,
        u('deal_stages.clicked_through', n) < 0.03 as is_clicked_through
    from deals
    where u('deal_stages.none', n) > 0.03
),

-- Lists of a deal's visits, as a window over all rows takes twice as long.
visited as (
    select *,
        list_filter(
            range(1, visits + 1),
            lambda visit: visit = 1 or visit >= stages_reached
                          or u('deal_stages.skipped', deal_n * 16 + visit) > 0.1) as visit_list
    from histories
),

-- Where between creation and close the visits start: evenly, shaken by less than half a step, so they keep their order.
timed as (
    select *,
        list_transform(
            visit_list,
            lambda visit: case
                when visit = 1 then created_at
                when is_clicked_through then created_at + to_seconds(visit - 1)
                else add_days(created_at, days_between(created_at, last_seen_at)
                    * (visit - 1 + 0.7 * (u('deal_stages.when', deal_n * 16 + visit) - 0.5)) / visits)
            end) as entries
    from visited
),

entered as (
    select
        deal_n, deal_id, pipeline, closed_at, stages_reached,
        unnest(visit_list) as visit,
        unnest(entries) as entered_at,
        -- one entry less: the last visit has no next one
        unnest(entries[2:]) as next_entered_at
    from timed
),

numbered as (
    select *,
        deal_n * 16 + visit as n,
        case
            when visit <= stages_reached then visit
            when visit = stages_reached + 1 then stages_reached - 1
            else stages_reached
        end as stage_n
    from entered
)

select
    n,
    deal_id,
    stage_of(pipeline, stage_n) as stage,
    entered_at,
    case when u('deal_stages.exit_known', n) <= 0.4 then coalesce(next_entered_at, closed_at) end as exited_at
from numbered
