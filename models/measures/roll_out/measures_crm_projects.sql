{% call flow_measures(ref('fct_crm_projects'), day='actual_end_on', segments=['project']) %}
    count(schedule_overrun_days) as projects_with_schedule
    sum(schedule_overrun_days) as schedule_overrun_days
    count(budget_overrun) as projects_with_budget
    sum(budget_overrun) as budget_overrun
    sum(case when budget_overrun is not null then planned_budget end) as overrun_budget
{% endcall %}
