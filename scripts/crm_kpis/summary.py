"""What a run says in the end: what was read, what was refused, what was computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.raw_directory import SCHEMA as RAW_SCHEMA

_MOST_REASONS = 30


@dataclass(frozen=True)
class RawCount:
    """The rows of a raw table."""

    table: str
    file_name: str
    rows_read: int
    rows_staged: int
    rows_rejected: int
    values_rejected: int


@dataclass(frozen=True)
class Rejection:
    """Rows of a raw table that were rejected for a reason, or values that were taken as missing.

    Attributes:
        table: The raw table.
        column: The column of the values; None for rows.
        reason: Why.
        count: How many.
        first_row: The `_row_number` of the first.
    """

    table: str
    column: str | None
    reason: str
    count: int
    first_row: int


@dataclass(frozen=True)
class Summary:
    """What stands in the warehouse after a build; what was not built is empty or None."""

    raw_counts: tuple[RawCount, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    as_of: date | None = None
    as_of_source: str = ""
    kpi_count: int = 0
    kpi_value_count: int = 0
    missing_tables: tuple[str, ...] = field(default=())


def read_summary(warehouse: Path, built: frozenset[str]) -> Summary:
    """Read the summary of a build from the warehouse.

    Args:
        warehouse: The DuckDB file.
        built: The models that were built: only these are read, since others may be from an earlier run.
    """
    with duckdb.connect(warehouse, read_only=True) as connection:

        def rows(model: str, query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall() if model in built else []

        counts = rows(
            "raw_row_counts",
            "select raw_table, coalesce(file_name, ''), rows_read, rows_staged, rows_rejected,"
            f" values_rejected from main.raw_row_counts left join {RAW_SCHEMA}._files on raw_table = table_name"
            " order by raw_table",
        )
        rejected_rows = rows(
            "rejected_rows",
            "select raw_table, null, reason, count(*), min(row_number) from main.rejected_rows"
            " group by raw_table, reason order by raw_table, count(*) desc, reason",
        )
        rejected_values = rows(
            "rejected_values",
            "select raw_table, column_name, reason, count(*), min(row_number) from main.rejected_values"
            " group by raw_table, column_name, reason order by raw_table, count(*) desc, column_name, reason",
        )
        window = rows("reporting_window", "select as_of, as_of_source from main.reporting_window")
        kpis = rows("kpi_values", "select count(distinct kpi_id), count(*) from main.kpi_values")
    as_of, as_of_source = window[0] if window else (None, "")
    kpi_count, kpi_value_count = kpis[0] if kpis else (0, 0)
    return Summary(
        raw_counts=tuple(RawCount(*row) for row in counts if row[1]),
        rejections=tuple(Rejection(*row) for row in [*rejected_rows, *rejected_values]),
        as_of=as_of,
        as_of_source=as_of_source,
        kpi_count=kpi_count,
        kpi_value_count=kpi_value_count,
        missing_tables=tuple(row[0] for row in counts if not row[1]),
    )


def format_raw_counts(summary: Summary) -> list[str]:
    """The lines of the table of raw tables; none if there is nothing to tell."""
    if not summary.raw_counts:
        return []
    header = ("file", "rows read", "staged", "rejected", "values rejected")
    rows = [
        (count.file_name, count.rows_read, count.rows_staged, count.rows_rejected, count.values_rejected)
        for count in summary.raw_counts
    ]
    total = ("total", *(sum(row[position] for row in rows) for position in range(1, len(header))))
    lines = format_table(header, [*rows, total])
    if summary.missing_tables:
        lines.append(f"Without a file: {', '.join(summary.missing_tables)}.")
    return lines


def format_rejections(summary: Summary) -> list[str]:
    """A line for each reason for which rows or values of a raw table were rejected."""
    lines = [_format_rejection(rejection) for rejection in summary.rejections]
    if len(lines) > _MOST_REASONS:
        lines = [*lines[:_MOST_REASONS], f"and {len(lines) - _MOST_REASONS} reasons more"]
    if lines:
        lines.append("Each stands in the tables rejected_rows and rejected_values of the warehouse.")
    return lines


def format_table(header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> list[str]:
    """Align a table: the first column left, the numbers in the others right, with thousands separated.

    >>> format_table(("table", "rows"), [("deals", 1200), ("users", 7)])
    ['table   rows', 'deals  1,200', 'users      7']
    """
    cells = [list(header)] + [
        [str(row[0]), *(f"{value:,}" if isinstance(value, int) else value for value in row[1:])]
        for row in rows
    ]
    widths = [max(len(row[position]) for row in cells) for position in range(len(header))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in cells
    ]


def _format_rejection(rejection: Rejection) -> str:
    what = "row" if rejection.column is None else "value"
    what += "" if rejection.count == 1 else "s"
    of_column = "" if rejection.column is None else f" of {rejection.column}"
    fate = "rejected" if rejection.column is None else "taken as missing"
    first = "in" if rejection.count == 1 else "the first in"
    return (
        f"{rejection.table}: {rejection.count:,} {what}{of_column} {fate}, {rejection.reason}"
        f" ({first} row {rejection.first_row})"
    )
