-- Eight KPIs by month, quarter and year, for the total and by one segment dimension, straight from the raw Parquet files: what somebody
-- would write who needs these and no others. The rows that the raw contract rejects are left out; why is not told.
with

deals as (
    select
        trim(deal_id) as deal_id,
        lower(trim(status)) as status,
        coalesce(nullif(trim(pipeline), ''), '(none)') as pipeline,
        case when lower(trim(status)) = 'open' or created_at <= closed_at then created_at end as created_at,
        case when closed_at >= '1970-01-01' and closed_at < '2100-01-01' then closed_at end as closed_at
    from read_parquet('{raw}/deals.parquet', file_row_number = true)
    where
        nullif(trim(deal_id), '') is not null
        and created_at >= '1970-01-01' and created_at < '2100-01-01'
        and lower(trim(status)) in ('open', 'won', 'lost')
        and (lower(trim(status)) = 'open' or closed_at >= '1970-01-01' and closed_at < '2100-01-01')
    qualify row_number() over (
        partition by trim(deal_id)
        order by
            case when updated_at >= '1970-01-01' and updated_at < '2100-01-01' then updated_at end desc nulls last,
            file_row_number desc
    ) = 1
),

leads as (
    select
        coalesce(nullif(trim(source), ''), '(none)') as source,
        created_at,
        converted_at
    from read_parquet('{raw}/leads.parquet', file_row_number = true)
    where
        nullif(trim(lead_id), '') is not null
        and created_at >= '1970-01-01' and created_at < '2100-01-01'
        and (converted_at is null or converted_at >= '1970-01-01' and converted_at < '2100-01-01')
    qualify row_number() over (
        partition by trim(lead_id)
        order by
            case when updated_at >= '1970-01-01' and updated_at < '2100-01-01' then updated_at end desc nulls last,
            file_row_number desc
    ) = 1
),

email_events as (
    select
        trim(email_id) as email_id,
        lower(trim(event_type)) as event_type,
        occurred_at
    from read_parquet('{raw}/email_events.parquet', file_row_number = true)
    where
        nullif(trim(event_id), '') is not null
        and nullif(trim(email_id), '') is not null
        and occurred_at >= '1970-01-01' and occurred_at < '2100-01-01'
        and lower(trim(event_type)) in (
            'sent', 'delivered', 'opened', 'clicked', 'replied', 'bounced', 'unsubscribed', 'complained'
        )
    qualify row_number() over (partition by trim(event_id) order by file_row_number desc) = 1
),

emails as (
    select
        cast(coalesce(min(occurred_at) filter (where event_type = 'sent'), min(occurred_at)) as date) as day,
        bool_or(event_type in ('delivered', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained')) as is_delivered,
        bool_or(event_type in ('opened', 'clicked', 'replied')) as is_opened,
        bool_or(event_type = 'clicked') as is_clicked
    from email_events
    where cast(occurred_at as date) <= '{as_of}'
    group by email_id
),

tickets as (
    select
        coalesce(nullif(trim(priority), ''), '(none)') as priority,
        created_at
    from read_parquet('{raw}/tickets.parquet', file_row_number = true)
    where
        nullif(trim(ticket_id), '') is not null
        and created_at >= '1970-01-01' and created_at < '2100-01-01'
        and (resolved_at is null or resolved_at >= '1970-01-01' and resolved_at < '2100-01-01')
    qualify row_number() over (
        partition by trim(ticket_id)
        order by
            case when updated_at >= '1970-01-01' and updated_at < '2100-01-01' then updated_at end desc nulls last,
            file_row_number desc
    ) = 1
),

scaled as (
    select
        trim(response_id) as response_id,
        lower(trim(survey_type)) as survey_type,
        coalesce(nullif(trim(touchpoint), ''), '(none)') as touchpoint,
        responded_at,
        score,
        coalesce(scale_min, case lower(trim(survey_type)) when 'nps' then 0 else 1 end) as lowest,
        coalesce(scale_max, case lower(trim(survey_type)) when 'nps' then 10 when 'ces' then 7 else 5 end) as highest,
        scale_max,
        file_row_number
    from read_parquet('{raw}/survey_responses.parquet', file_row_number = true)
),

responses as (
    select *
    from scaled
    where
        response_id <> ''
        and survey_type in ('nps', 'csat', 'ces', 'employee')
        and responded_at >= '1970-01-01' and responded_at < '2100-01-01'
        and score between lowest and highest
        and lowest < highest
        and (survey_type <> 'nps' or scale_max is null or scale_max = 10)
    qualify row_number() over (partition by response_id order by file_row_number desc) = 1
),

-- By day and segment: of each KPI what is divided by what.
by_day as (
    select
        'close_rate' as kpi_id,
        cast(created_at as date) as day,
        'pipeline' as segment_by,
        pipeline as segment,
        count(*) filter (where status = 'won' and cast(closed_at as date) <= '{as_of}') as numerator,
        count(*) as denominator
    from deals
    where created_at is not null
    group by all
    union all
    select
        'win_rate' as kpi_id,
        cast(closed_at as date) as day,
        'pipeline' as segment_by,
        pipeline as segment,
        count(*) filter (where status = 'won') as numerator,
        count(*) as denominator
    from deals
    where status <> 'open'
    group by all
    union all
    select
        'lead_conversion_rate' as kpi_id,
        cast(created_at as date) as day,
        'source' as segment_by,
        source as segment,
        count(*) filter (where cast(converted_at as date) <= '{as_of}') as numerator,
        count(*) as denominator
    from leads
    group by all
    union all
    select 'email_delivery_rate' as kpi_id, day, 'none' as segment_by, '' as segment, count(*) filter (where is_delivered), count(*)
    from emails
    group by all
    union all
    select
        'email_open_rate' as kpi_id, day, 'none' as segment_by, '' as segment,
        count(*) filter (where is_opened), count(*) filter (where is_delivered)
    from emails
    group by all
    union all
    select
        'email_click_rate' as kpi_id, day, 'none' as segment_by, '' as segment,
        count(*) filter (where is_clicked), count(*) filter (where is_delivered)
    from emails
    group by all
    union all
    select
        'tickets_created' as kpi_id, cast(created_at as date) as day, 'priority' as segment_by, priority as segment,
        count(*) as numerator, null as denominator
    from tickets
    group by all
    union all
    select
        'customer_satisfaction_score' as kpi_id,
        cast(responded_at as date) as day,
        'touchpoint' as segment_by,
        touchpoint as segment,
        count(*) filter (where 4 * (score - lowest) >= 3 * (highest - lowest)) as numerator,
        count(*) as denominator
    from responses
    where survey_type = 'csat'
    group by all
),

with_totals as (
    select * from by_day where segment_by <> 'none'
    union all
    select kpi_id, day, 'all' as segment_by, 'all' as segment, numerator, denominator from by_day
),

summed as (
    select
        kpi_id,
        grain as period_grain,
        cast(date_trunc(grain, day) as date) as period_start,
        segment_by,
        segment,
        cast(sum(numerator) as double) as numerator,
        cast(sum(denominator) as double) as denominator
    from with_totals
    cross join (values ('month'), ('quarter'), ('year')) as grains (grain)
    where day <= '{as_of}'
    group by all
)

select
    kpi_id,
    period_grain,
    period_start,
    segment_by,
    segment,
    case when kpi_id = 'tickets_created' then numerator else numerator / nullif(denominator, 0) end as kpi_value
from summed
