with

source as (
    select * from {{ source('raw', 'deals') }}
),

rejected as (
    select row_number
    from {{ ref('rejected_rows') }}
    where raw_table = 'deals'
),

typed as (
    select
        -- ids
        {{ to_text('deal_id') }} as deal_id,
        {{ to_text('product_id') }} as product_id,
        {{ to_text('campaign_id') }} as campaign_id,
        {{ to_text('account_id') }} as account_id,
        {{ to_text('lead_id') }} as lead_id,
        {{ to_text('owner_id') }} as owner_id,

        -- text
        lower({{ to_text('status') }}) as status,
        {{ to_text('stage') }} as stage,
        {{ to_text('pipeline') }} as pipeline,
        {{ to_text('deal_type') }} as deal_type,
        {{ to_text('source') }} as source,
        upper({{ to_text('currency') }}) as currency,
        {{ to_text('lost_reason') }} as lost_reason,

        -- numerics
        {{ to_decimal('amount') }} as amount,

        -- dates
        {{ to_date('expected_close_on') }} as expected_close_on,

        -- timestamps
        {{ to_timestamp('created_at') }} as created_at,
        {{ to_timestamp('closed_at') }} as closed_at,
        {{ to_timestamp('first_paid_at') }} as first_paid_at,
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
        deal_id,
        product_id,
        campaign_id,
        account_id,
        lead_id,
        owner_id,

        -- text
        status,
        stage,
        pipeline,
        deal_type,
        source,
        currency,
        lost_reason,

        -- numerics
        amount,

        -- dates
        expected_close_on,

        -- timestamps
        case when status = 'open' or {{ local_date('created_at') }} <= {{ local_date('closed_at') }} then created_at end as created_at,
        case when status <> 'open' then closed_at end as closed_at,
        first_paid_at,
        updated_at,

        -- where it came from
        _row_number
    from typed
)

select * from checked
