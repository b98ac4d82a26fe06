-- Good is 1, bad is 0; a rating that was only offered is no answer.
with

last_ratings as (
    select
        ticket_id,
        arg_max(value, changed_at) filter (where field = 'satisfaction_score') as score,
        max(changed_at) filter (where field = 'satisfaction_score') as rated_at,
        arg_max(value, changed_at) filter (where field = 'satisfaction_comment') as comment
    from field_change
    where field in ('satisfaction_score', 'satisfaction_comment')
    group by ticket_id
),

ratings as (
    select
        rating_id,
        ticket_id,
        requester_id,
        lower(score) as score,
        comment,
        updated_at as rated_at
    from rating
    union all
    select
        last_ratings.ticket_id,
        last_ratings.ticket_id,
        ticket.requester_id,
        lower(last_ratings.score),
        last_ratings.comment,
        last_ratings.rated_at
    from last_ratings
    left join ticket on last_ratings.ticket_id = ticket.ticket_id
)

select
    ratings.rating_id as response_id,
    'csat' as survey_type,
    ratings.rated_at as responded_at,
    case when ratings.score like 'good%' then 1 when ratings.score like 'bad%' then 0 end as score,
    0 as scale_min,
    1 as scale_max,
    'support' as touchpoint,
    ratings.comment,
    ratings.requester_id as contact_id,
    ratings.ticket_id,
    case
        when ticket.ticket_id is null then 'of a ticket left out'
        when ratings.score is null or not (ratings.score like 'good%' or ratings.score like 'bad%') then 'offered, not given'
    end as _left_out
from ratings
left join ticket on ratings.ticket_id = ticket.ticket_id
