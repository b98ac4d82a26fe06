with

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

changes as (
    select
        account_id,
        industry,
        country,
        company_size,
        1 as step,
        active_from as changed_on
    from intervals
    union all
    select
        account_id,
        industry,
        country,
        company_size,
        -1 as step,
        active_until as changed_on
    from intervals
    where active_until is not null
)

select
    -- ids
    account_id,

    -- segments
    industry,
    country,
    company_size,

    -- numerics
    cast(step as bigint) as step,
    {{ days_between("cast('1970-01-01' as date)", 'changed_on') }} as day_number,

    -- dates
    changed_on
from changes
