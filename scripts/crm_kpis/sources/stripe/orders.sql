-- Amounts are in the smallest unit of the currency: units_in() is how many of them make one.
select
    invoice.invoice_id as order_id,
    invoice.customer_id as account_id,
    coalesce(invoice.finalized_at, invoice.created_at) as ordered_at,
    invoice.paid_at,
    case
        when invoices.is_refunded then 'refunded'
        when lower(invoice.status) = 'paid' then 'paid'
        when lower(invoice.status) in ('open', 'uncollectible') then 'open'
        when lower(invoice.status) in ('void', 'deleted') then 'cancelled'
    end as status,
    (invoice.total - coalesce(invoice.credited, 0)) / units_in(invoice.currency) as amount,
    upper(invoice.currency) as currency,
    case when lower(invoice.status) = 'draft' then 'draft' end as _left_out
from invoice
inner join invoices on invoice.invoice_id = invoices.invoice_id
union all
-- A part of the money that went back without a credit note is a credit note here.
select
    refund.refund_id,
    invoice.customer_id,
    refund.created_at,
    refund.created_at,
    'paid',
    -refund.amount / units_in(invoice.currency),
    upper(invoice.currency),
    case
        when invoices.is_refunded then 'refund of an invoice that is refunded as a whole'
        when invoice.credited > 0 then 'refund that a credit note has taken off'
    end
from refund
inner join charge on refund.charge_id = charge.charge_id
inner join invoice on charge.invoice_id = invoice.invoice_id
inner join invoices on invoice.invoice_id = invoices.invoice_id
