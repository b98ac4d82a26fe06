-- Opportunities. The CRM moves two things, by the day on which a deal is created: the chance to win it, and the days
-- until it is won or lost. Both are multiplied alike for all deals, and neither knows the amount, so the mean amount of
-- the won deals stays where it was.
with

drawn as (
    select i as n, moment_at_work('deals.created', i) as created_at, u('deals.existing', i) < 0.45 as is_existing
    from numbers
    where i <= n_deals()
),

originated as (
    select
        *,
        case
            when is_existing then base_account(u('deals.account', n))
            else later_account(created_at, u('deals.account', n))
        end as account_n,
        case
            when not is_existing then 'new'::word
            else pick_word(['renewal', 'renewal', 'upsell', 'upsell', 'cross_sell'], u('deals.type', n))
        end as deal_type,
        case when u('deals.from_lead', n) < case when is_existing then 0.5 else 0.95 end then n * leads_per_deal() end
            as lead_n,
        -- the lead is there first, but not before the data begin
        add_days(created_at, -least(1 + 20 * u('deals.lead_gap', n),
                                    0.9 * days_between(first_day()::timestamp, created_at))) as lead_created_at
    from drawn
),

attributed as (
    select
        originated.*,
        case when u('deals.by_campaign', originated.n) < 0.6 then campaigns.campaign_id end as campaign_id,
        case
            when u('deals.no_source', originated.n) < 0.03 then null
            when u('deals.by_campaign', originated.n) < 0.6 and campaigns.n is not null then campaigns.channel
            else pick_word(['website', 'website', 'website', 'website', 'referral', 'referral', 'partner', 'cold_call',
                            'search', 'social'], u('deals.source', originated.n))
        end as source,
        case
            when originated.deal_type = 'renewal' then 'renewal'::word
            when u('deals.pipeline', originated.n) < 0.25 then 'enterprise'::word
            else 'standard'::word
        end as pipeline,
        seat('sales', u('deals.owner', originated.n)) as owner_seat
    from originated
    left join campaigns
        on campaign_on(originated.lead_created_at, u('deals.campaign', originated.n)) = campaigns.n
        and originated.lead_created_at::date between campaigns.started_on and campaigns.ended_on
),

planned as (
    select
        *,
        u('deals.won', n)
        < case when created_at >= go_live() then 0.46 else 0.24 end
        * case source when 'referral' then 1.25 when 'partner' then 1.15 when 'cold_call' then 0.6 else 1 end
        * (0.8 + 0.4 * u('deals.owner_skill', owner_seat)) as would_be_won,
        -- 4 % are never closed: they stall
        case when u('deals.stalled', n) > 0.04
            then add_days(created_at, case when created_at >= go_live() then 40 else 76 end
                                      * (0.5 + 0.5 * skewed(u('deals.days', n))))
        end as would_finish_at,
        add_days(created_at, 12 + 60 * u('deals.stalled_after', n)) as would_stall_at
    from attributed
),

scheduled as (
    select *, at_work(would_finish_at, u('deals.close_time', n)) as would_close_at
    from planned
),

closed as (
    select
        *,
        known(would_close_at) as closed_at,
        case
            when would_close_at < end_at() then case when would_be_won then 'won'::word else 'lost'::word end
            else 'open'::word
        end as status,
        stage_count(pipeline) as stage_count,
        -- until when the history of stages goes
        coalesce(known(would_close_at), known(would_stall_at), end_at()) as last_seen_at
    from scheduled
),

staged as (
    select
        *,
        case
            when status = 'won' then stage_count
            when status = 'lost' then 1 + floor(stage_count * pow(u('deals.reached', n), 0.7))::integer
            else 1 + floor(stage_count * u('deals.reached', n)
                           * least(1, days_between(created_at, last_seen_at) / 60))::integer
        end as stages_reached
    from closed
)

select
    staged.n,
    'D' || staged.n as deal_id,
    staged.created_at,
    staged.status,
    staged.closed_at,
    case when u('deals.no_expectation', staged.n) > 0.08
        then add_days(staged.created_at, 20 + 70 * u('deals.expected', staged.n))::date
    end as expected_close_on,
    stage_of(staged.pipeline, staged.stages_reached) as stage,
    staged.pipeline,
    staged.deal_type,
    products.product_id,
    staged.source,
    staged.campaign_id,
    case when u('deals.no_account', staged.n) > 0.01 then accounts.account_id end as account_id,
    -- the link to the lead stands in the deal, in the lead, or in both
    case when u('deals.link', staged.n) > 0.1 then 'L' || staged.lead_n end as lead_id,
    case when u('deals.no_owner', staged.n) > 0.02 then user_on(owners, staged.created_at::date) end as owner_id,
    case when u('deals.no_amount', staged.n) > 0.03
        then money(
            products.list_price * (8 + 50 * skewed(u('deals.seats', staged.n)))
            * case staged.deal_type when 'new' then 1.0 when 'renewal' then 0.8 else 0.6 end, accounts.currency)
    end as amount,
    accounts.currency,
    case when staged.status = 'lost' and u('deals.no_reason', staged.n) > 0.1
        then pick_word(['price', 'price', 'competitor', 'no_budget', 'timing', 'no_decision'],
                       u('deals.reason', staged.n))
    end as lost_reason,
    case when staged.status = 'won' and u('deals.unpaid', staged.n) > 0.15
        then known(add_days(staged.closed_at, 5 + 30 * u('deals.payment', staged.n)))
    end as first_paid_at,
    coalesce(staged.closed_at, known(add_days(staged.created_at, 20 * u('deals.updated', staged.n))), staged.created_at)
        as updated_at,
    staged.account_n,
    staged.lead_n,
    staged.lead_created_at,
    staged.owner_seat,
    staged.stages_reached,
    staged.last_seen_at
from staged
inner join accounts on staged.account_n = accounts.n
inner join products on product_number(u('deals.product', staged.n)) = products.n
inner join users as owners on owners.department = 'sales' and owners.seat = staged.owner_seat
