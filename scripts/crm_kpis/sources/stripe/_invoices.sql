-- One row per invoice: whether all of it was refunded.
with

refunded_invoices as (
    select
        invoice_id,
        sum(refunded) >= sum(amount) and sum(amount) > 0 as is_refunded
    from charge
    where invoice_id is not null
    group by invoice_id
)

select
    invoice.invoice_id,
    coalesce(refunded_invoices.is_refunded, false) as is_refunded
from invoice
left join refunded_invoices on invoice.invoice_id = refunded_invoices.invoice_id
