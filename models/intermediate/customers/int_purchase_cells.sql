{#
    The customers of a day in few rows: those that are nearly alike are taken as alike. Up to 11 repeat purchases each number is a group by
    itself, then a group spans a fifth; days are parted in 30 parts of the longest time that a customer is known.
#}
with

histories as (
    select * from {{ ref('int_purchase_histories') }}
),

histories_longest as (
    select
        outlook_on,
        greatest(max(known_days), 30) as longest_days
    from histories
    group by outlook_on
),

histories_placed as (
    select
        histories.outlook_on,
        histories.repeat_purchases,
        histories.repeat_days,
        histories.known_days,
        case
            when histories.repeat_purchases < 12 then histories.repeat_purchases
            else cast(12 + floor(ln(histories.repeat_purchases / 12.0) * 5) as bigint)
        end as purchase_group,
        floor(histories.known_days * 30.0 / histories_longest.longest_days) as known_part,
        floor((histories.known_days - histories.repeat_days) * 30.0 / histories_longest.longest_days) as silent_part
    from histories
    inner join histories_longest on histories.outlook_on = histories_longest.outlook_on
),

group_means as (
    select
        outlook_on,
        purchase_group,
        cast(sum(repeat_purchases) as double) / count(*) as repeat_purchases
    from histories_placed
    group by outlook_on, purchase_group
),

cells as (
    select
        outlook_on,
        purchase_group,
        known_part,
        silent_part,
        count(*) as customers,
        cast(sum(repeat_days) as double) / count(*) as repeat_days,
        cast(sum(known_days) as double) / count(*) as known_days
    from histories_placed
    group by outlook_on, purchase_group, known_part, silent_part
)

select
    cells.outlook_on,
    cells.purchase_group,
    cells.known_part,
    cells.silent_part,
    cells.customers,
    group_means.repeat_purchases,
    cells.repeat_days,
    cells.known_days
from cells
inner join group_means on cells.outlook_on = group_means.outlook_on and cells.purchase_group = group_means.purchase_group
