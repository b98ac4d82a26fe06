with

intervals as (
    select * from {{ ref('fct_customer_intervals') }}
),

-- On which days an account was active 365 days before.
intervals_a_year_later as (
    select
        account_id,
        {{ add_days('active_from', 365) }} as counts_from,
        {{ add_days('active_until', 365) }} as counts_until
    from intervals
),

spans as (
    select
        intervals.account_id,
        intervals.industry,
        intervals.country,
        intervals.company_size,
        greatest(intervals.active_from, intervals_a_year_later.counts_from) as counts_from,
        least(
            coalesce(intervals.active_until, cast('2101-01-01' as date)),
            coalesce(intervals_a_year_later.counts_until, cast('2101-01-01' as date))
        ) as counts_until
    from intervals
    inner join intervals_a_year_later on intervals.account_id = intervals_a_year_later.account_id
)

select
    -- ids
    account_id,

    -- segments
    industry,
    country,
    company_size,

    -- dates
    counts_from,
    nullif(counts_until, cast('2101-01-01' as date)) as counts_until
from spans
where counts_from < counts_until
