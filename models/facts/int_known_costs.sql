with

acquisition_costs as (
    select * from {{ ref('int_acquisition_costs') }}
    where amount is not null
),

retention_costs as (
    select * from {{ ref('fct_costs') }}
    where purpose = 'retention' and amount is not null
),

first_acquisition_costs as (
    select
        min(incurred_on) as first_day,
        min(case when cost_source = 'campaign_days' then incurred_on end) as first_day_of_spend
    from acquisition_costs
),

first_retention_costs as (
    select min(incurred_on) as first_day from retention_costs
)

-- Costs are booked by the month: of one of the fifteenth, the two weeks before are as well known as the two after.
select
    cast(date_trunc('month', first_acquisition_costs.first_day_of_spend) as date) as marketing_spend_known_from,
    cast(date_trunc('month', first_acquisition_costs.first_day) as date) as acquisition_cost_known_from,
    cast(date_trunc('month', first_retention_costs.first_day) as date) as retention_cost_known_from
from first_acquisition_costs
cross join first_retention_costs
