-- Opportunities. The CRM moves two things, by the day on which a deal is created: the chance to win it, and the days
-- until it is won or lost. Neither depends on the amount, so the mean amount of the won deals stays where it was. Both
-- swing from week to week, differ by owner, and the chance differs by account; some deals of an account come together.
with

drawn as (
    select i as n, clump_of('deals', i, 3, 0.15) as clump_n
    from numbers
    where i <= n_deals()
),

dated as (
    select
        *,
        moment_in_week(week_at(demand_weeks(), u('deals.created', clump_n)), 'deals.created', n) as created_at,
        u('deals.existing', clump_n) < 0.45 as is_existing
    from drawn
),

originated as (
    select
        *,
        case
            when is_existing then base_account(u('deals.account', clump_n))
            else later_account(created_at, u('deals.account', clump_n))
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
    from dated
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
        seat_on('sales', u('deals.owner', originated.n), originated.created_at, u('deals.mix', originated.n)) as owner_seat
    from originated
    left join campaigns
        on campaign_on(originated.lead_created_at, u('deals.campaign', originated.n)) = campaigns.n
        and originated.lead_created_at::date between campaigns.started_on and campaigns.ended_on
),

planned as (
    select
        *,
        since_crm(created_at, 0.24, 0.46)
        * case source when 'referral' then 1.25 when 'partner' then 1.15 when 'cold_call' then 0.6 else 1 end
        * (0.85 + 0.3 * u('deals.owner_skill', owner_seat))
        * (0.85 + 0.3 * u('accounts.appetite', account_n)) as win_chance,
        -- half of the deals of a clump share their luck
        u('deals.won', case when u('deals.alike', n) < 0.5 then clump_n else n end) as luck,
        -- 4 % are never closed: they stall
        case when u('deals.stalled', n) > 0.04
            then add_days(created_at, since_crm(created_at, 56, 32) * swing(pace_swings(), created_at)
                                      * (0.5 + 0.5 * skewed(u('deals.days', n))))
        end as would_finish_at,
        add_days(created_at, 12 + 60 * u('deals.stalled_after', n)) as would_stall_at
    from attributed
),

scheduled as (
    select
        *,
        luck < swung(win_chance, swing(win_swings(), created_at)) as would_be_won,
        at_work(quarter_rush(would_finish_at, u('deals.rush', n), created_at), u('deals.close_time', n)) as would_close_at
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
            * case staged.deal_type when 'new' then 1.0 when 'renewal' then 0.8 else 0.6 end
            * swing(price_swings(), staged.created_at), accounts.currency)
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
