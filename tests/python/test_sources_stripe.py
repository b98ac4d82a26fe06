"""Stripe's landed tables: what they mean, layout by layout."""

from pathlib import Path
from typing import Any

from landing import Rows, land, mapped, utc

DAY = 86_400
# 1 March 2024 in seconds since 1970.
MARCH = 1_709_251_200


def invoice(number: str, status: str, total: int, currency: str = "eur", **more: Any) -> dict[str, Any]:
    common = {"id": number, "status": status, "total": total, "currency": currency, "customer": "cus_1"}
    return common | {"created": MARCH, "livemode": True, "_dlt_id": number} | more


def test_amounts_are_in_the_smallest_unit(tmp_path: Path) -> None:
    tables: dict[str, Rows] = {
        "invoice": [
            invoice("in_1", "paid", 12_345),
            invoice("in_2", "open", 5_000, "jpy", status_transitions__finalized_at=MARCH + DAY),
            invoice("in_3", "void", 5_000, "kwd"),
            invoice("in_4", "draft", 100),
            invoice("in_5", "paid", 100, livemode=False),
        ],
        "invoice__lines__data": [
            {
                "id": "l2",
                "amount": 2_345,
                "currency": "eur",
                "quantity": 1,
                "price__product": "p",
                "_dlt_parent_id": "in_1",
            },
            {
                "id": "l1",
                "amount": 10_000,
                "currency": "eur",
                "quantity": 2,
                "price__product": "q",
                "_dlt_parent_id": "in_1",
            },
        ],
    }
    result = mapped(land(tmp_path, tables), "stripe")
    assert result.layouts == ["dlt"]
    assert result.rows("orders", "order_id", "status", "amount::text", "currency", "ordered_at") == [
        ("in_1", "paid", "123.4500", "EUR", "2024-03-01 00:00:00"),
        ("in_2", "open", "5000.0000", "JPY", "2024-03-02 00:00:00"),
        ("in_3", "cancelled", "5.0000", "KWD", "2024-03-01 00:00:00"),
    ]
    assert result.rows("order_items", "order_id", "line_number", "product_id", "amount::text") == [
        ("in_1", 1, "q", "100.0000"),
        ("in_1", 2, "p", "23.4500"),
    ]
    assert result.left_out() == {"entity invoice: test data": 1, "table orders: draft": 1}
    assert result.unbalanced() == []


def test_a_subscription_ends_when_it_ended_not_when_it_was_cancelled(tmp_path: Path) -> None:
    def subscription(number: str, status: str, **more: Any) -> dict[str, Any]:
        times = {
            "start_date": MARCH,
            "ended_at": None,
            "canceled_at": None,
            "cancel_at": None,
            "trial_end": None,
        }
        return {"id": number, "status": status, "customer": "cus_1", "_dlt_id": number} | times | more

    def item(number: str, of: str, amount: int, every: tuple[str, int], quantity: int) -> dict[str, Any]:
        price = {"price__unit_amount": amount, "price__currency": "eur", "price__product": number}
        interval = {"price__recurring__interval": every[0], "price__recurring__interval_count": every[1]}
        return {"id": number, "quantity": quantity, "_dlt_parent_id": of} | price | interval

    tables: dict[str, Rows] = {
        "subscription": [
            subscription("s1", "canceled", canceled_at=MARCH + DAY, ended_at=MARCH + 31 * DAY),
            subscription("s2", "active", cancel_at=MARCH + 61 * DAY, trial_end=MARCH + 14 * DAY),
            subscription("s3", "incomplete_expired"),
            subscription("s4", "canceled", trial_end=MARCH + 14 * DAY, ended_at=MARCH + 7 * DAY),
        ],
        # 120 a year and 30 for three months twice: 10 + 20 a month.
        "subscription__items__data": [
            item("a", "s1", 12_000, ("year", 1), 1),
            item("b", "s1", 3_000, ("month", 3), 2),
            item("c", "s2", 1_200, ("week", 1), 1),
        ],
    }
    result = mapped(land(tmp_path, tables), "stripe")
    columns = ("subscription_id", "started_on::text", "ended_on::text", "monthly_amount::text", "product_id")
    assert result.rows("subscriptions", *columns) == [
        ("s1", "2024-03-01", "2024-04-01", "30.0000", "a"),
        ("s2", "2024-03-16", "2024-05-01", "52.0000", "c"),
    ]
    assert result.left_out() == {
        "table subscriptions: never paid": 1,
        "table subscriptions: ended in its trial": 1,
    }


def test_a_refund_is_an_order_of_its_own_unless_it_is_all(tmp_path: Path) -> None:
    def fivetran(number: str, **more: Any) -> dict[str, Any]:
        common = {"id": number, "status": "paid", "total": 10_000, "currency": "eur", "customer_id": "cus_1"}
        return common | {"created": utc("2024-03-01"), "post_payment_credit_notes_amount": 0} | more

    tables: dict[str, Rows] = {
        "invoice": [
            fivetran("in_1"),
            fivetran("in_2"),
            fivetran("in_3", post_payment_credit_notes_amount=4_000),
        ],
        "charge": [
            {
                "id": f"ch_{number}",
                "invoice_id": f"in_{number}",
                "amount": 10_000,
                "amount_refunded": refunded,
            }
            for number, refunded in ((1, 2_500), (2, 10_000), (3, 4_000))
        ],
        "refund": [
            {
                "id": f"re_{n}",
                "charge_id": f"ch_{n}",
                "amount": amount,
                "status": "succeeded",
                "created": utc("2024-03-09"),
            }
            for n, amount in ((1, 2_500), (2, 10_000), (3, 4_000))
        ],
    }
    result = mapped(land(tmp_path, tables), "stripe")
    assert result.rows("orders", "order_id", "status", "amount::text") == [
        ("in_1", "paid", "100.0000"),
        ("in_2", "refunded", "100.0000"),
        ("in_3", "paid", "60.0000"),
        ("re_1", "paid", "-25.0000"),
    ]
    assert result.unbalanced() == []


def test_an_invoice_of_as_many_lines_as_a_list_holds_is_warned_of(tmp_path: Path) -> None:
    def lines(of: str, count: int) -> Rows:
        return [{"id": f"{of}{n}", "amount": 5, "quantity": 1, "_dlt_parent_id": of} for n in range(count)]

    tables: dict[str, Rows] = {
        "invoice": [invoice("in_1", "paid", 50), invoice("in_2", "paid", 45)],
        "invoice__lines__data": [*lines("in_1", 10), *lines("in_2", 9)],
    }
    result = mapped(land(tmp_path, tables), "stripe")
    assert any(text.startswith("stripe: 1 invoices have ten lines") for text in result.warnings)


def test_a_price_of_parts_of_a_cent_is_read(tmp_path: Path) -> None:
    # 1,000 units of half a cent each are 5 a month.
    item = {"id": "i", "subscription": "s", "quantity": 1000, "_dlt_parent_id": "s", "_dlt_id": "i"}
    price = {"price__unit_amount": None, "price__unit_amount_decimal": "0.5", "price__currency": "usd"}
    tables: dict[str, Rows] = {
        "subscription": [{"id": "s", "status": "active", "start_date": MARCH, "_dlt_id": "s"}],
        "subscription__items__data": [item | price | {"price__recurring__interval": "month"}],
    }
    result = mapped(land(tmp_path, tables), "stripe")
    assert result.row("subscriptions", "monthly_amount::text", "currency") == ("5.0000", "USD")


def test_airbyte_lands_objects_as_json(tmp_path: Path) -> None:
    tables: dict[str, Rows] = {
        "customers": [
            {"id": "cus_1", "name": "Ada", "address": '{"city": "Ulm", "country": "DE"}', "created": MARCH}
        ],
        "invoices": [
            invoice(
                "in_1",
                "paid",
                12_000,
                status_transitions=f'{{"finalized_at": {MARCH + DAY}, "paid_at": {MARCH + 2 * DAY}}}',
            ),
            invoice("in_2", "draft", 500, is_deleted=True),
        ],
        "invoice_line_items": [
            {
                "id": "il_1",
                "invoice_id": "in_1",
                "amount": 12_000,
                "currency": "eur",
                "quantity": 1,
                "price": '{"id": "price_1", "product": "prod_1"}',
            }
        ],
        "subscriptions": [
            # Stripe's event of a cancellation is customer.subscription.deleted.
            {
                "id": "sub_1",
                "customer": "cus_1",
                "status": "canceled",
                "start_date": MARCH,
                "ended_at": MARCH + 31.0 * DAY,
                "is_deleted": True,
            }
        ],
        "subscription_items": [
            {
                "id": "si_1",
                "subscription": "sub_1",
                "quantity": 2,
                "price": '{"id": "price_1", "product": "prod_1", "unit_amount": 12000, "currency": "eur",'
                ' "recurring": {"interval": "year", "interval_count": 1}}',
            }
        ],
        "charges": [{"id": "ch_1", "invoice": "in_1", "amount": 12_000, "amount_refunded": 2_000}],
        "refunds": [
            {
                "id": "re_1",
                "charge": "ch_1",
                "amount": 2_000,
                "status": "succeeded",
                "created": MARCH + 3 * DAY,
            }
        ],
    }
    for rows in tables.values():
        for row in rows:
            row.pop("_dlt_id", None)
            row["_airbyte_extracted_at"] = utc("2024-06-01T00:00:00")
    result = mapped(land(tmp_path, tables), "stripe")
    assert result.layouts == ["airbyte"]
    assert result.rows("accounts", "account_id", "country", "city") == [("cus_1", "DE", "Ulm")]
    assert result.rows("orders", "order_id", "status", "amount::text", "ordered_at", "paid_at") == [
        ("in_1", "paid", "120.0000", "2024-03-02 00:00:00", "2024-03-03 00:00:00"),
        ("re_1", "paid", "-20.0000", "2024-03-04 00:00:00", "2024-03-04 00:00:00"),
    ]
    assert result.rows("order_items", "order_id", "product_id", "amount::text") == [
        ("in_1", "prod_1", "120.0000")
    ]
    # Two of 120 a year are 20 a month.
    assert result.rows(
        "subscriptions", "subscription_id", "monthly_amount::text", "product_id", "ended_on::text"
    ) == [("sub_1", "20.0000", "prod_1", "2024-04-01")]
    assert result.left_out() == {"entity invoice: deleted": 1}
    assert result.unbalanced() == []
