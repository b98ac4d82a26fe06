with

accounts as (
    select * from {{ ref('stg_accounts') }}
),

deals as (
    select * from {{ ref('stg_deals') }}
),

orders as (
    select * from {{ ref('stg_orders') }}
),

subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
),

-- An account that buys is a customer even if the file of accounts does not have it.
buyers as (
    select account_id from deals
    union
    select account_id from orders
    union
    select account_id from subscriptions
),

accounts_inferred as (
    select account_id
    from buyers
    where
        account_id is not null
        and not exists (
            select 1
            from accounts
            where accounts.account_id = buyers.account_id
        )
),

placeholders (account_id) as (
    values ('(none)'), ('(unknown)')
)

select
    account_id,
    {{ personal_column('accounts.name', 'name') }} as account_name,
    coalesce(industry, '(none)') as industry,
    coalesce(country, '(none)') as country,
    {{ company_size('employee_count') }} as company_size,
    region,
    city,
    employee_count,
    annual_revenue,
    owner_id,
    created_at,
    false as is_inferred
from accounts
union all
select
    account_id,
    cast(null as {{ dbt.type_string() }}) as account_name,
    '(unknown)' as industry,
    '(unknown)' as country,
    '(unknown)' as company_size,
    cast(null as {{ dbt.type_string() }}) as region,
    cast(null as {{ dbt.type_string() }}) as city,
    cast(null as bigint) as employee_count,
    cast(null as decimal(18, 4)) as annual_revenue,
    cast(null as {{ dbt.type_string() }}) as owner_id,
    cast(null as timestamp) as created_at,
    true as is_inferred
from accounts_inferred
union all
select
    account_id,
    {{ personal_column('accounts.name', 'account_id') }} as account_name,
    account_id as industry,
    account_id as country,
    account_id as company_size,
    cast(null as {{ dbt.type_string() }}) as region,
    cast(null as {{ dbt.type_string() }}) as city,
    cast(null as bigint) as employee_count,
    cast(null as decimal(18, 4)) as annual_revenue,
    cast(null as {{ dbt.type_string() }}) as owner_id,
    cast(null as timestamp) as created_at,
    true as is_inferred
from placeholders
