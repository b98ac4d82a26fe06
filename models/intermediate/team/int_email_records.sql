with

contacts as (
    select * from {{ ref('stg_contacts') }}
),

leads as (
    select * from {{ ref('stg_leads') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

-- Staging has cut the blanks around an address; capitals do not tell two apart.
records as (
    select
        'contacts' as raw_table,
        contact_id as record_id,
        lower(email) as address,
        created_at
    from contacts
    union all
    select
        'leads' as raw_table,
        lead_id as record_id,
        lower(email) as address,
        created_at
    from leads
),

-- A record of which nobody knows when it was created comes after all others, so that it makes none of them a duplicate.
known as (
    select
        records.*,
        {{ local_date('records.created_at') }} as created_on
    from records
    cross join reporting_window
    where {{ local_date('records.created_at') }} <= reporting_window.as_of
),

-- Few addresses are there twice, so few rows are sorted.
addresses_repeated as (
    select address
    from known
    group by address
    having count(*) > 1
),

records_ranked as (
    select
        known.raw_table,
        known.created_on,
        known.created_at,
        min(case when known.raw_table = 'leads' then known.created_at end) over (partition by known.address) as first_lead_at,
        row_number() over (
            partition by known.address, known.raw_table order by known.created_at asc, known.record_id asc
        ) as place_in_table,
        row_number() over (
            partition by known.address order by known.created_at asc, known.raw_table desc, known.record_id asc
        ) as place
    from known
    inner join addresses_repeated on known.address = addresses_repeated.address
),

-- A lead that became a contact is one record: the first contact of an address does not count where a lead was there before.
records_with_continuation as (
    select
        *,
        raw_table = 'contacts' and place_in_table = 1 and coalesce(first_lead_at <= created_at, false) as is_continuation
    from records_ranked
),

records_counted as (
    select
        raw_table,
        created_on,
        count(address) as records,
        0 as duplicates
    from known
    group by raw_table, created_on
    union all
    select
        raw_table,
        created_on,
        0 as records,
        count(*) as duplicates
    from records_with_continuation
    where place > 1 and not is_continuation
    group by raw_table, created_on
    union all
    select
        raw_table,
        created_on,
        -count(*) as records,
        0 as duplicates
    from records_with_continuation
    where is_continuation
    group by raw_table, created_on
)

select
    -- ids
    raw_table,

    -- dates
    created_on,

    -- numerics
    cast(sum(records) as bigint) as records,
    cast(sum(duplicates) as bigint) as duplicates
from records_counted
group by raw_table, created_on
having sum(records) > 0
