with

products as (
    select * from {{ ref('dim_products') }}
),

campaigns as (
    select * from {{ ref('dim_campaigns') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

members_with_name as (
    select
        'product' as segment_by,
        product_id as segment,
        product_name as name
    from products
    union all
    select
        'campaign' as segment_by,
        campaign_id as segment,
        campaign_name as name
    from campaigns
    union all
    select
        'owner' as segment_by,
        user_id as segment,
        user_name as name
    from users
),

names_with_members as (
    select
        segment_by,
        segment,
        name,
        count(*) over (partition by segment_by, name) as members
    from members_with_name
    where name is not null and name <> segment
)

-- Two products may have one name: the id tells them apart.
select
    segment_by,
    segment,
    case when members > 1 then name || ' (' || segment || ')' else name end as segment_name
from names_with_members
