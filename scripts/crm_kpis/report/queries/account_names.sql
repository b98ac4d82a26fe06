-- One row per account with a name; none unless the setting publish_personal_columns lists accounts.name. Of accounts with one name the id
-- is behind it.
with

named as (
    select
        account_id,
        account_name,
        count(*) over (partition by account_name) as accounts
    from marts.dim_accounts
    where account_name is not null
)

select
    account_id,
    case when accounts > 1 then account_name || ' (' || account_id || ')' else account_name end as account_name
from named
