with

acquisition_costs as (
    select * from {{ ref('int_acquisition_costs') }}
    where amount is not null
),

retention_costs as (
    select * from {{ ref('fct_costs') }}
    where purpose = 'retention' and amount is not null
),

days_of_acquisition_costs as (
    select
        min(incurred_on) as first_day,
        max(incurred_on) as last_day,
        min(case when cost_source = 'campaign_days' then incurred_on end) as first_day_of_spend,
        max(case when cost_source = 'campaign_days' then incurred_on end) as last_day_of_spend
    from acquisition_costs
),

days_of_retention_costs as (
    select
        min(incurred_on) as first_day,
        max(incurred_on) as last_day
    from retention_costs
)

-- Costs are booked by the month: of one of the fifteenth, the two weeks before are as well known as the two after.
select
    cast(date_trunc('month', days_of_acquisition_costs.first_day_of_spend) as date) as marketing_spend_known_from,
    last_day(days_of_acquisition_costs.last_day_of_spend) as marketing_spend_known_until,
    cast(date_trunc('month', days_of_acquisition_costs.first_day) as date) as acquisition_cost_known_from,
    last_day(days_of_acquisition_costs.last_day) as acquisition_cost_known_until,
    cast(date_trunc('month', days_of_retention_costs.first_day) as date) as retention_cost_known_from,
    last_day(days_of_retention_costs.last_day) as retention_cost_known_until
from days_of_acquisition_costs
cross join days_of_retention_costs
