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
        case
            -- one in seven came during the three years
            when n <> head_n and u('users.new', n) < 0.15
                then first_day() + 60 + floor(u('users.hired', n) * 800)::integer
            else date '2015-01-07' + floor(u('users.hired', n) * 3000)::integer
        end as hired_on
    from placed
)

select
    n,
    'U' || n as user_id,
    first_name('users', n) || ' ' || last_name('users', n) as name,
    email_of('users', n) as email,
    team,
    department,
    case when n = head_n then nullif('U19', 'U' || n) else 'U' || head_n end as manager_id,
    hired_on,
    case
        when n <> head_n and u('users.left', n) < 0.13
            then greatest(hired_on + 90, first_day() + 60 + floor(u('users.left_on', n) * 950)::integer)
    end as left_on,
    'U' || head_n as stand_in_id,
    (n - 1) // 20 * desks(department)
    + (n - 1) % 20 - case department when 'sales' then 0 when 'marketing' then 8 when 'service' then 11 else 18 end
    + 1 as seat
from hired
