-- The people who work with the CRM. The first block of 20 holds the heads of the teams, who never leave: they stand in.
with

numbered as (
    select i as n, (i - 1) % 20 as desk
    from numbers
    where i <= n_users()
),

placed as (
    select
        n,
        case when desk < 8 then 'sales' when desk < 11 then 'marketing' when desk < 18 then 'service' else 'other' end
            as department,
        case
            when desk < 4 then 'Sales DACH' when desk < 6 then 'Sales West' when desk < 8 then 'Sales North'
            when desk < 11 then 'Marketing' when desk < 16 then 'Service Desk' when desk < 18 then 'Field Service'
            else 'Operations'
        end as team,
        case
            when desk < 4 then 1 when desk < 6 then 5 when desk < 8 then 7 when desk < 11 then 9 when desk < 16 then 12
            when desk < 18 then 17 else 19
        end as head_n
    from numbered
),

hired as (
    select
        *,
        -- counted through the lists, so that the first 552 have a name of their own
        1 + (n * 7 + seed()) % len(first_names()) as first_n,
        1 + (n * 5 + seed()) % len(last_names()) as last_n,
        case
            -- one in four came during these years
            when n <> head_n and u('users.new', n) < 0.25
                then first_day() + 60 + floor(u('users.hired', n) * 1500)::integer
            else first_day() - 3000 + floor(u('users.hired', n) * 2900)::integer
        end as hired_on
    from placed
)

select
    n,
    'U' || n as user_id,
    first_names()[first_n] || ' ' || last_names()[last_n] as name,
    plain(first_names())[first_n] || '.' || plain(last_names())[last_n] || case when n > 552 then n::varchar else '' end
        || '@example.com' as email,
    team,
    department,
    case when n = head_n then nullif('U19', 'U' || n) else 'U' || head_n end as manager_id,
    hired_on,
    case
        when n <> head_n and u('users.left', n) < 0.2
            then greatest(hired_on + 90, first_day() + 60 + floor(u('users.left_on', n) * 1650)::integer)
    end as left_on,
    'U' || head_n as stand_in_id,
    (n - 1) // 20 * desks(department)
    + (n - 1) % 20 - case department when 'sales' then 0 when 'marketing' then 8 when 'service' then 11 else 18 end
    + 1 as seat
from hired
