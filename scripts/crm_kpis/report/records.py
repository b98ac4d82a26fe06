"""The records behind a card: deals and tickets, as many as a page can hold."""

from __future__ import annotations

from datetime import date
from typing import Any

from crm_kpis.report.labels import Labels
from crm_kpis.report.marts import Marts, Row

# Which records a measure counts: the table, when they count (in the period of their creation or their end, or
# while they are open), and as what.
_COUNTED: dict[str, tuple[str, ...]] = {
    "deals_created": ("deals", "created"),
    "deals_closed": ("deals", "closed"),
    "deals_won": ("deals", "closed", "won"),
    "won_revenue": ("deals", "closed", "won"),
    "won_deals_with_amount": ("deals", "closed", "won"),
    "sales_cycle_days_median": ("deals", "closed", "won"),
    "open_deals": ("deals", "open"),
    "open_pipeline": ("deals", "open"),
    "tickets_created": ("tickets", "created"),
    "tickets_responded": ("tickets", "created"),
    "first_response_seconds_median": ("tickets", "created"),
    "tickets_resolved": ("tickets", "closed"),
    "tickets_with_known_contacts": ("tickets", "closed"),
    "tickets_with_service_level": ("tickets", "closed"),
    "resolution_seconds_median": ("tickets", "closed"),
    "open_tickets": ("tickets", "open"),
}
_UNITS = {"amount": "currency", "first_response_hours": "hours", "resolution_hours": "hours"}


def counted_records(kpi: Row) -> tuple[str, ...]:
    """Which records stand behind a KPI: the table, when they count, and as what; empty where none are.

    Args:
        kpi: The row of the catalogue.
    """
    return _COUNTED.get(kpi["denominator"] or kpi["numerator"], ())


def read_records(marts: Marts, labels: Labels) -> dict[str, Any]:
    """The deals and tickets that the page holds.

    Args:
        marts: The published marts.
        labels: The names of the language.

    Returns:
        By table its `columns`, its `rows`, and the day `since` which no record is left out; None: none is.
    """
    tables = {"deals": marts.rows("deals", "fct_deals"), "tickets": marts.rows("tickets", "fct_tickets")}
    return {name: _table(name, rows, labels) for name, rows in tables.items() if rows}


def _table(name: str, rows: list[Row], labels: Labels) -> dict[str, Any]:
    words = labels.texts["records"]["columns"]
    keys = [key for key in rows[0] if key not in (name, "last_on")]
    is_whole = rows[0][name] == len(rows)
    if labels.accounts:
        rows = [row | {"account_id": labels.account(row["account_id"])} for row in rows]
    return {
        "columns": [
            {"key": key, "label": words.get(key) or labels.heading(key)}
            | ({"unit": _UNITS[key]} if key in _UNITS else {})
            for key in keys
        ],
        "rows": [[_cell(row[key]) for key in keys] for row in rows],
        "since": None if is_whole else rows[-1]["last_on"].isoformat(),
    }


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else round(float(value), 2)
