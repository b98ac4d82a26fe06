"""Rows as they came behind what the gate found, and what their values look like, without personal data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from crm_kpis.printable import printable
from crm_kpis.published.connect import OFFLINE
from crm_kpis.raw.contract import RawColumn, read_contract
from crm_kpis.run.gate import Finding
from crm_kpis.sql import quote_text

_SHOWN_ROWS = 3
_LOOKED_AT = 1000
_LONGEST_TEXT = 160
_EXPECTED_FORMS = {
    "integer": "a whole number, such as 12",
    "decimal": "a number with a dot, such as 1234.50",
    "boolean": "true or false",
    "date": "a day, such as 2026-06-30",
    "timestamp": "a time, such as 2026-06-30T14:05:00Z",
}
_DAY = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2}|\d{4})(\D.*)?")
_DECIMAL_COMMA = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?( ?\D{1,3})?")
_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
_SERIAL = re.compile(r"[2-6]\d{4}([.,]\d+)?")
_OWN_COLUMNS = """
select raw_table, column_name, coalesce(data_type, 'text'), coalesce(is_personal, 'no') = 'yes'
from settings.own_columns
"""


def add_examples(warehouse: Path, findings: list[Finding]) -> list[Finding]:
    """The findings with up to three rows as they came, where a rule is about rows.

    Args:
        warehouse: The DuckDB file that was built.
        findings: What the gate found.
    """
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute(f"attach {quote_text(str(warehouse))} as warehouse (read_only)")
        connection.execute("use warehouse")
        return [
            replace(finding, examples=_EXAMPLES[finding.rule](connection, finding))
            if finding.rule in _EXAMPLES
            else finding
            for finding in findings
        ]


def _read_columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], RawColumn]:
    """The columns of the raw contract and the company's own, by table and name."""
    own = connection.execute(_OWN_COLUMNS).fetchall()
    return {
        (table, name): RawColumn(name, data_type, required=False, is_personal=is_personal, is_own=True)
        for table, name, data_type, is_personal in own
    } | {(table.name, column.name): column for table in read_contract() for column in table.columns}


def describe_expected(column: RawColumn) -> str:
    """The form that a column's values must have, in words.

    >>> describe_expected(RawColumn("amount", "decimal", required=False))
    'a number with a dot, such as 1234.50'
    """
    if column.accepts:
        return f"one of {', '.join(column.accepts)}"
    return _EXPECTED_FORMS.get(column.data_type, "a text")


def guess_form(values: list[str], column: RawColumn) -> str | None:
    """Name the form that most of the invalid values of a column have; None where there is none that is known.

    Args:
        values: Invalid values.
        column: Their column.

    >>> guess_form(["31.01.2026", "05.02.2026"], RawColumn("paid_at", "timestamp", required=False))
    'day first dates (31.01.2026): write 2026-01-31'
    """
    guess = _GUESSES.get(column.data_type)
    if column.accepts:
        words = sorted({value.strip() for value in values})
        if len(words) <= 12:
            return (
                f"words of another system ({', '.join(printable(word)[:30] for word in words)}):"
                f" map each to one of {', '.join(column.accepts)}"
            )
        return None
    return guess(values) if guess and values else None


def _guess_day(values: list[str]) -> str | None:
    matches = [match for match in map(_DAY.fullmatch, values) if match]
    if len(matches) * 2 > len(values):
        days, months = (max(int(match[part]) for match in matches) for part in (1, 2))
        sample = max(matches, key=lambda match: max(int(match[1]), int(match[2])))
        day, month, year = sample[1], sample[2], sample[3]
        if days > 12 >= months:
            form = "day first"
        elif months > 12 >= days:
            form, day, month = "month first", month, day
        else:
            return f"dates whose day and month can't be told apart ({sample[0]}): write 2026-01-31"
        century = "20" if len(year) == 2 else ""
        return f"{form} dates ({sample[0]}): write {century}{year}-{int(month):02}-{int(day):02}"
    serials = [value for value in values if _SERIAL.fullmatch(value)]
    if len(serials) * 2 > len(values):
        return f"days as Excel counts them ({serials[0]}): format the column as a date of the form 2026-01-31"
    return None


def _guess_number(values: list[str]) -> str | None:
    commas = [value for value in values if _DECIMAL_COMMA.fullmatch(value.strip())]
    thousands = [value for value in values if _THOUSANDS.fullmatch(value.strip())]
    if len(thousands) * 2 > len(values) and len(thousands) >= len(commas):
        return f"commas between thousands ({thousands[0]}): write digits and a dot"
    if len(commas) * 2 > len(values):
        return f"numbers with a decimal comma ({commas[0]}): write a dot, and none between thousands"
    return None


_GUESSES: dict[str, Callable[[list[str]], str | None]] = {
    "date": _guess_day,
    "timestamp": _guess_day,
    "decimal": _guess_number,
    "integer": _guess_number,
}


def _show_rejected_rows(connection: duckdb.DuckDBPyConnection, finding: Finding) -> tuple[str, ...]:
    (worst,) = connection.execute(
        "select struct_pack(column_name, reason) from main.rejected_rows where raw_table = ?"
        " group by all order by count(*) desc, 1 limit 1",
        [finding.subject],
    ).fetchall()
    columns = _read_columns(connection)
    column_name, reason = worst[0]["column_name"], worst[0]["reason"]
    rows = connection.execute(
        "select row_number, raw_row from main.rejected_rows"
        " where raw_table = ? and column_name is not distinct from ? and reason = ? order by row_number"
        " limit ?",
        [finding.subject, column_name, reason, _LOOKED_AT],
    ).fetchall()
    what = f"{reason} of {column_name}" if column_name else reason
    lines = [
        f"line {number}, {what}: {_show_row(columns, finding.subject, text)}"
        for number, text in rows[:_SHOWN_ROWS]
    ]
    if column_name:
        values = [json.loads(text).get(column_name) for _, text in rows]
        lines += _describe_form(
            columns[finding.subject or "", column_name], [str(value) for value in values if value]
        )
    return tuple(lines)


def _show_lost_values(connection: duckdb.DuckDBPyConnection, finding: Finding) -> tuple[str, ...]:
    rows = connection.execute(
        "select row_number, reason, raw_value from main.rejected_values"
        " where raw_table = ? and column_name = ? order by row_number limit ?",
        [finding.subject, finding.column, _LOOKED_AT],
    ).fetchall()
    column = _read_columns(connection)[finding.subject or "", finding.column or ""]
    lines = [
        f"line {number}, {reason}: {_show_value(column, value)}"
        for number, reason, value in rows[:_SHOWN_ROWS]
    ]
    invalid = [value for _, reason, value in rows if reason in ("invalid_value", "not_accepted")]
    return tuple(lines + (_describe_form(column, invalid) if invalid else []))


def _show_unmatched(connection: duckdb.DuckDBPyConnection, finding: Finding) -> tuple[str, ...]:
    column = _read_columns(connection)[finding.subject or "", finding.column or ""]
    table = next(table for table in read_contract() if table.name == column.references)
    rows = connection.execute(
        f"select _row_number, {column.name} from main.stg_{finding.subject} as rows_of"
        f" where {column.name} is not null and not exists (select 1 from main.stg_{table.name} as held"
        f" where held.{table.key[0]} = rows_of.{column.name}) order by _row_number limit {_SHOWN_ROWS}"
    ).fetchall()
    held = connection.execute(
        f"select {table.key[0]} from main.stg_{table.name} order by _row_number limit {_SHOWN_ROWS}"
    ).fetchall()
    keys = ", ".join(_mask(str(key)) for (key,) in held)
    return (
        *(f"line {number}: {_mask(str(value))}" for number, value in rows),
        f"{table.name} has {keys}",
    )


def _describe_form(column: RawColumn, values: list[str]) -> list[str]:
    if column.is_personal:
        return []
    form = guess_form(values, column)
    lines = [f"The values look like {form}."] if form else []
    return [*lines, f"Expected: {describe_expected(column)}."]


def _show_row(columns: dict[tuple[str, str], RawColumn], table: str | None, text: str) -> str:
    """A raw row as JSON, without what is personal or missing, cut where it is long."""
    row = {
        name: _show_value(columns[table or "", name], str(value))
        for name, value in json.loads(text).items()
        if value is not None
    }
    shown = json.dumps(row, ensure_ascii=False)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[: _LONGEST_TEXT - 3]}..."


def _show_value(column: RawColumn, value: str | None) -> str:
    if value is None:
        return "nothing"
    return "(personal)" if column.is_personal else _mask(value)


def _mask(text: str) -> str:
    """A text without e-mail addresses, control characters and length."""
    return printable(re.sub(r"[^\s@]+@[^\s@]+", "(address)", text))[:60]


_EXAMPLES: dict[str, Callable[[duckdb.DuckDBPyConnection, Finding], tuple[str, ...]]] = {
    "rejected_rows": _show_rejected_rows,
    "lost_values": _show_lost_values,
    "unmatched_keys": _show_unmatched,
    "unmatched_keys_more": _show_unmatched,
}
