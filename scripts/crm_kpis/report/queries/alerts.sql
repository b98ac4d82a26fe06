-- One row per alert, the urgent and the new ones first; the first 200. `found` says how many there are, `found_urgent` and `found_new` how
-- many are urgent and new.
with

ranked as (
    select
        *,
        row_number() over (
            order by
                array_position(['high', 'middle', 'low'], urgency), is_new desc, amount desc nulls last, since_on desc nulls last,
                rule, subject_id
        ) as place,
        count(*) over () as found,
        count(*) filter (where urgency = 'high') over () as found_urgent,
        count(*) filter (where is_new) over () as found_new
    from marts.alerts
)

select
    found,
    found_urgent,
    found_new,
    urgency,
    subject_type,
    subject_id,
    account_id,
    owner_id as owner,
    team,
    amount,
    is_new,
    since_on,
    why_en as reasons_en,
    why_de as reasons_de
from ranked
where place <= 200
order by place
