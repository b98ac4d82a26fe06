with

projects as (
    select * from {{ source('settings', 'crm_projects') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- What happened after as_of is not known yet: a project that ends later is running, and what it will have cost is open.
known as (
    select
        projects.project,
        projects.planned_start_on,
        projects.planned_end_on,
        projects.planned_budget,
        case when projects.actual_start_on <= reporting_window.as_of then projects.actual_start_on end as actual_start_on,
        case when projects.actual_end_on <= reporting_window.as_of then projects.actual_end_on end as actual_end_on,
        case when projects.actual_end_on <= reporting_window.as_of then projects.actual_cost end as actual_cost,
        case when projects.went_live_on <= reporting_window.as_of then projects.went_live_on end as went_live_on
    from projects
    cross join reporting_window
)

select
    -- ids
    project as project_id,

    -- amounts
    planned_budget,
    actual_cost,
    cast(actual_cost - planned_budget as decimal(18, 4)) as budget_overrun,

    -- durations
    {{ days_between('planned_end_on', 'actual_end_on') }} as schedule_overrun_days,

    -- dates
    planned_start_on,
    planned_end_on,
    actual_start_on,
    actual_end_on,
    went_live_on
from known
