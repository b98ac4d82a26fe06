with

source as (
    select * from {{ source('raw', 'leads') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'leads'
),

typed as (
    select
        -- ids
        {{ to_text('lead_id') }} as lead_id,
        {{ to_text('campaign_id') }} as campaign_id,
        {{ to_text('owner_id') }} as owner_id,
        {{ to_text('account_id') }} as account_id,
        {{ to_text('deal_id') }} as deal_id,

        -- text
        {{ to_text('source') }} as source,
        lower({{ to_text('status') }}) as status,
        {{ to_text('email') }} as email,
        {{ to_text('company_name') }} as company_name,
        {{ to_text('industry') }} as industry,
        {{ to_text('country') }} as country,
        {{ to_text('disqualified_reason') }} as disqualified_reason,

        -- numerics
        {{ to_decimal('score') }} as score,
        {{ to_integer('employee_count') }} as employee_count,

        -- timestamps
        {{ to_timestamp('created_at') }} as created_at,
        {{ to_timestamp('first_touch_at') }} as first_touch_at,
        {{ to_timestamp('qualified_at') }} as qualified_at,
        {{ to_timestamp('converted_at') }} as converted_at,
        {{ to_timestamp('disqualified_at') }} as disqualified_at,
        {{ to_timestamp('updated_at') }} as updated_at,

        -- where it came from
        _row_number
    from source
    where not exists (
        select 1
        from rejected
        where rejected.row_number = source._row_number
    )
),

checked as (
    select
        -- ids
        lead_id,
        campaign_id,
        owner_id,
        account_id,
        deal_id,

        -- text
        source,
        status,
        email,
        company_name,
        industry,
        country,
        disqualified_reason,

        -- numerics
        score,
        employee_count,

        -- booleans: what happened at an impossible time happened all the same
        qualified_at is not null as is_qualified,
        converted_at is not null as is_converted,
        disqualified_at is not null as is_disqualified,

        -- timestamps
        created_at,
        case when {{ local_date('first_touch_at') }} <= {{ local_date('created_at') }} then first_touch_at end as first_touch_at,
        case when {{ local_date('qualified_at') }} >= {{ local_date('created_at') }} then qualified_at end as qualified_at,
        case when {{ local_date('converted_at') }} >= {{ local_date('created_at') }} then converted_at end as converted_at,
        case when {{ local_date('disqualified_at') }} >= {{ local_date('created_at') }} then disqualified_at end as disqualified_at,
        updated_at,

        -- where it came from
        _row_number
    from typed
)

select * from checked
