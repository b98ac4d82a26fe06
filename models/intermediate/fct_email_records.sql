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
    where email is not null
    union all
    select
        'leads' as raw_table,
        lead_id as record_id,
        lower(email) as address,
        created_at
    from leads
    where email is not null
),

known as (
    select
        records.*,
        {{ local_date('records.created_at') }} as created_on
    from records
    cross join reporting_window
    where records.created_at is null or {{ local_date('records.created_at') }} <= reporting_window.as_of
),

-- Few addresses are there twice, so few rows are sorted.
repeated as (
    select address
    from known
    group by address
    having count(*) > 1
),

ranked as (
    select
        known.raw_table,
        known.record_id,
        row_number() over (
            partition by known.address order by known.created_at asc nulls last, known.record_id asc, known.raw_table asc
        ) as place
    from known
    inner join repeated on known.address = repeated.address
)

select
    -- ids
    known.raw_table,
    known.record_id,

    -- booleans
    coalesce(ranked.place, 1) > 1 as is_duplicate,

    -- dates
    known.created_on
from known
left join ranked on known.raw_table = ranked.raw_table and known.record_id = ranked.record_id
