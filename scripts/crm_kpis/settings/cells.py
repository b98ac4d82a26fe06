"""Fields of a settings table as typed values."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from crm_kpis.days import FIRST_DAY, LAST_DAY, parse_day
from crm_kpis.settings.declaration import Setting
from crm_kpis.settings.problems import display, suggest

# The types of DuckDB, for the tables of the source `settings`.
DUCKDB_TYPES = {
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18, 4)",
    "number": "double",
    "date": "date",
    "boolean": "boolean",
    "time": "varchar",
    "list": "varchar",
    "mappings": "varchar",
}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)
_GREATEST_INTEGER = 2**63 - 1
_GREATEST_DECIMAL = Decimal(10**14)


def parse_cell(column: Setting, text: str) -> tuple[Any, str | None]:
    """Read a field of a settings table.

    Args:
        column: Its column.
        text: The field without blanks around it.

    Returns:
        The typed value, None where the field is empty or wrong, and what is wrong with it, None for nothing.
    """
    if not text:
        return (
            None,
            "it is empty, and each row needs it. Fill it in, or remove the row." if column.required else None,
        )
    value, complaint = _PARSERS[column.data_type](text)
    if column.data_type == "integer" and complaint and column.highest is not None:
        complaint = f"write a whole number from {column.lowest} to {column.highest}."
    complaint = complaint or check_limits(column, value)
    return (None, f"{display(text)}: {complaint}") if complaint else (value, None)


def check_limits(column: Setting, value: Any) -> str | None:
    """What is wrong with a typed value by the values and limits of its column or key; None for nothing."""
    if column.values and value not in column.values:
        return f"it is not an accepted value. {suggest(str(value), list(column.values))}"
    low, high = column.lowest, column.highest
    if (low is not None and value < low) or (high is not None and value > high):
        kind = "a whole number" if column.data_type == "integer" else "a number"
        limits = f"from {low} to {high}" if high is not None else f"of at least {low}"
        return f"it must be {kind} {limits}."
    return None


def _parse_text(text: str) -> tuple[str, str | None]:
    return text, None


def _parse_integer(text: str) -> tuple[int | None, str | None]:
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII) or abs(int(text)) > _GREATEST_INTEGER:
        return None, "it is not a whole number. Write it in digits, such as 90."
    return int(text), None


def _parse_number(text: str) -> tuple[float | None, str | None]:
    return (float(text), None) if _NUMBER.fullmatch(text) else (None, _explain_number(text))


def _parse_decimal(text: str) -> tuple[Decimal | None, str | None]:
    if not _NUMBER.fullmatch(text):
        return None, _explain_number(text)
    value = round(Decimal(text), 4)
    if abs(value) >= _GREATEST_DECIMAL:
        return None, "it has more than 14 digits before the dot. Check it."
    return value, None


def _explain_number(text: str) -> str:
    if "," in text:
        return "it is not a number. Write 1.234,5 as 1234.5."
    if "%" in text:
        return "it is not a number. Write 10 % as 0.1."
    return "it is not a number. Write it in digits, such as 0.1."


def _parse_date(text: str) -> tuple[Any, str | None]:
    day = parse_day(text)
    if day is None:
        return None, "it is not a date. Write it as YYYY-MM-DD, such as 2026-06-30."
    if not FIRST_DAY <= day <= LAST_DAY:
        return None, f"it must lie between {FIRST_DAY} and {LAST_DAY}."
    return day, None


def _parse_time(text: str) -> tuple[str | None, str | None]:
    if not _TIME.fullmatch(text):
        return None, "it is not a time of day. Write it as HH:MM, such as 09:00; 24:00 ends the day."
    return text, None


_PARSERS: dict[str, Callable[[str], tuple[Any, str | None]]] = {
    "text": _parse_text,
    "integer": _parse_integer,
    "number": _parse_number,
    "decimal": _parse_decimal,
    "date": _parse_date,
    "time": _parse_time,
}
