{#
    The quota of a month ahead: a part of what the settings give for the month, its quarter or its year, of the calendar or fiscal; where
    they give several, the one for the shortest period. A team without a quota of its own has the sum of its users', a company the sum of
    its teams'.
#}
{% set text = dbt.type_string() %}
{% set fiscal_year_starts_in = setting('fiscal_year_starts_in') %}

with

quotas as (
    select * from {{ source('settings', 'quotas') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

reporting_window as (
    select * from {{ ref('reporting_window') }}
),

numbers (number) as (
    values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11)
),

-- From the month of the first day after as_of.
months as (
    select
        cast({{ dbt.dateadd('month', 'numbers.number', "date_trunc('month', " ~ add_days('reporting_window.as_of', 1) ~ ")") }} as date)
            as month_start
    from reporting_window
    cross join numbers
),

{% if fiscal_year_starts_in %}
-- Moved back by the months before it starts, a fiscal year is a calendar year: as in dim_dates.
fiscal_months as (
    select
        month_start,
        cast(month_start - interval {{ fiscal_year_starts_in - 1 }} month as date) as fiscal_month
    from months
),

{% endif %}
named_months as (
    select
        month_start,
        1 as months,
        substring(cast(month_start as {{ text }}), 1, 7) as period
    from months
    union all
    select
        month_start,
        3 as months,
        substring(cast(month_start as {{ text }}), 1, 4) || '-Q' || cast(date_part('quarter', month_start) as {{ text }}) as period
    from months
    union all
    select
        month_start,
        12 as months,
        substring(cast(month_start as {{ text }}), 1, 4) as period
    from months
    {% if fiscal_year_starts_in %}
    union all
    select
        month_start,
        3 as months,
        'FY' || cast(extract(year from fiscal_month) + 1 as {{ text }})
        || '-Q' || cast(extract(quarter from fiscal_month) as {{ text }}) as period
    from fiscal_months
    union all
    select
        month_start,
        12 as months,
        'FY' || cast(extract(year from fiscal_month) + 1 as {{ text }}) as period
    from fiscal_months
    {% endif %}
),

given_quotas as (
    select
        named_months.month_start,
        case when quotas.owner_id is not null then 'owner' when quotas.team is not null then 'team' else 'all' end as segment_by,
        coalesce(quotas.owner_id, quotas.team, 'all') as segment,
        cast(quotas.amount / named_months.months as decimal(38, 4)) as quota,
        row_number() over (
            partition by named_months.month_start, quotas.owner_id, quotas.team order by named_months.months, named_months.period
        ) as place
    from quotas
    inner join named_months on quotas.period = named_months.period
),

own_quotas as (
    select
        month_start,
        segment_by,
        segment,
        quota
    from given_quotas
    where place = 1
),

team_quotas as (
    select
        month_start,
        segment_by,
        segment,
        quota
    from own_quotas
    where segment_by = 'team'
    union all
    select
        own_quotas.month_start,
        'team' as segment_by,
        coalesce(users.team, '(unknown)') as segment,
        sum(own_quotas.quota) as quota
    from own_quotas
    left join users on own_quotas.segment = users.user_id
    where
        own_quotas.segment_by = 'owner'
        and not exists (
            select 1
            from own_quotas as quotas_of_teams
            where
                quotas_of_teams.segment_by = 'team'
                and quotas_of_teams.segment = users.team
                and quotas_of_teams.month_start = own_quotas.month_start
        )
    group by own_quotas.month_start, coalesce(users.team, '(unknown)')
),

company_quotas as (
    select
        month_start,
        segment_by,
        segment,
        quota
    from own_quotas
    where segment_by = 'all'
    union all
    select
        month_start,
        'all' as segment_by,
        'all' as segment,
        sum(quota) as quota
    from team_quotas
    where
        not exists (
            select 1
            from own_quotas as company_quotas
            where company_quotas.segment_by = 'all' and company_quotas.month_start = team_quotas.month_start
        )
    group by month_start
)

select
    month_start,
    segment_by,
    segment,
    quota
from company_quotas
union all
select
    month_start,
    segment_by,
    segment,
    quota
from team_quotas
union all
select
    month_start,
    segment_by,
    segment,
    quota
from own_quotas
where segment_by = 'owner'
