with

users as (
    select * from {{ ref('stg_users') }}
),

placeholders (user_id) as (
    values ('(none)'), ('(unknown)')
)

select
    user_id,
    {{ personal_column('users.name', 'name') }} as user_name,
    {{ personal_column('users.email', 'email') }} as user_email,
    coalesce(team, '(none)') as team,
    coalesce(department, '(none)') as department,
    manager_id,
    hired_on,
    left_on
from users
union all
select
    user_id,
    {{ personal_column('users.name', 'user_id') }} as user_name,
    cast(null as {{ dbt.type_string() }}) as user_email,
    user_id as team,
    user_id as department,
    cast(null as {{ dbt.type_string() }}) as manager_id,
    cast(null as date) as hired_on,
    cast(null as date) as left_on
from placeholders
