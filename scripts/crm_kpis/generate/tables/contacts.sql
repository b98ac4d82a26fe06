-- A person at every account, a second one at some.
with

numbered as (
    select
        i as n,
        (i - 1) % n_accounts() + 1 as account_n,
        -- 3 % were entered twice: they have the e-mail of the one before
        case when i > 1 and u('contacts.twice', i) < 0.03 then i - 1 else i end as email_n
    from numbers
    where i <= n_contacts()
)

select
    numbered.n,
    'C' || numbered.n as contact_id,
    'A' || numbered.account_n as account_id,
    first_name('contacts', numbered.n) as first_name,
    last_name('contacts', numbered.n) as last_name,
    case
        when u('contacts.no_email', numbered.n) < 0.05 then null
        when numbered.email_n < numbered.n then upper(email_of('contacts', numbered.email_n))
        else email_of('contacts', numbered.n)
    end as email,
    -- 01632 960 is kept free for drama
    case when u('contacts.no_phone', numbered.n) > 0.3 then '+44 1632 960' || lpad((numbered.n % 1000)::varchar, 3, '0')
    end as phone,
    case when u('contacts.no_title', numbered.n) > 0.15
        then pick(['Einkauf', 'Geschäftsführung', 'Facility Manager', 'Directeur général', 'IT', 'Acheteuse'],
                  u('contacts.title', numbered.n))
    end as job_title,
    accounts.created_at,
    least(add_days(accounts.created_at, 500 * u('contacts.updated', numbered.n)), timestamp '2026-06-30 18:00:00')
        as updated_at
from numbered
inner join accounts on numbered.account_n = accounts.n
