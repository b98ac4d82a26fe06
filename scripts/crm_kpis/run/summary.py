"""What a run says in the end: what was read, what was refused, what was computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.raw.contract import RawColumn, read_contract
from crm_kpis.raw.personal_keys import MASKED
from crm_kpis.raw.raw_directory import SCHEMA as RAW_SCHEMA
from crm_kpis.run.examples import describe_rejection, find_names, read_columns
from crm_kpis.sources.mapping import read_warnings

_MOST_REASONS = 5
# The tables by whose keys KPIs are split. An account needs no row of its own.
_SPLITTING_TABLES = ("users", "products", "campaigns")


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
class LandedCount:
    """The rows of a vendor's entity, or of a raw table that is made of entities.

    Attributes:
        source: The source and the loader that landed it.
        name: The entity or raw table.
        rows_landed: The rows that the loader has landed, or that the entities make.
        rows_kept: Those that count.
        left_out: The others, by reason.
    """

    source: str
    name: str
    rows_landed: int
    rows_kept: int
    left_out: str


@dataclass(frozen=True)
class Rejection:
    """Rows or values of a raw table that were rejected for one reason.

    Attributes:
        table: The raw table.
        column: The column in which the reason lies; None where it lies in the whole row.
        reason: Why.
        count: How many.
        first_row: The `_row_number` of the first.
        example: The value of the first as it came, or the key of its row, and the expected form.
    """

    table: str
    column: str | None
    reason: str
    count: int
    first_row: int
    example: str = ""


@dataclass(frozen=True)
class Summary:
    """What the warehouse holds after a build; what was not built is empty or None.

    `unmatched_columns` are filled columns, as table.column, by the table without a file whose keys they hold.
    """

    raw_counts: tuple[RawCount, ...] = ()
    rejected_rows: tuple[Rejection, ...] = ()
    rejected_values: tuple[Rejection, ...] = ()
    as_of: date | None = None
    as_of_source: str = ""
    kpi_count: int = 0
    kpis_with_values: int = 0
    kpi_value_count: int = 0
    missing_tables: tuple[str, ...] = field(default=())
    landed: tuple[LandedCount, ...] = ()
    source_warnings: tuple[str, ...] = ()
    masked_keys: tuple[str, ...] = ()
    unmatched_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)


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
            "select raw_table, coalesce(file_name, ''),"
            " rows_read, rows_staged, rows_rejected, values_rejected"
            " from main.raw_row_counts"
            f" left join {RAW_SCHEMA}._files on raw_table = table_name"
            " order by raw_table",
        )
        rejected_rows, rejected_values = (
            rows(
                model,
                f"select raw_table, column_name, reason, count(*), min(row_number),"
                f" min_by({value}, row_number) from main.{model}"
                " group by raw_table, column_name, reason"
                " order by raw_table, count(*) desc, reason, column_name",
            )
            for model, value in (
                ("rejected_rows", "if(column_name is null, row_key, raw_row ->> ('$.' || column_name))"),
                ("rejected_values", "raw_value"),
            )
        )
        columns = read_columns(connection) if rejected_rows or rejected_values else {}
        names = find_names(connection, [row[-1] for row in (*rejected_rows, *rejected_values)])
        landed = rows(
            "raw_row_counts",
            "select format('{} ({})', source, layout), if(level = 'table', 'to ' || name, name),"
            " rows_landed, rows_kept,"
            " coalesce((select string_agg(format('{:,} {}', row_count, reason), ', '"
            " order by row_count desc, reason)"
            f" from {RAW_SCHEMA}._left_out as lost where lost.source = counted.source"
            " and lost.level = counted.level and lost.name = counted.name), '')"
            f" from {RAW_SCHEMA}._sources as counted"
            " where rows_landed > 0 and (level = 'entity' or rows_landed > rows_kept)"
            " order by source, level, name",
        )
        source_warnings = read_warnings(connection) if landed else []
        masked_keys = rows(
            "raw_row_counts",
            f"select table_name || '.' || column_name from {RAW_SCHEMA}.{MASKED} order by all",
        )
        filled = rows(
            "raw_column_counts",
            "select distinct raw_table, column_name from main.raw_column_counts where rows_filled > 0",
        )
        window = rows("reporting_window", "select as_of, as_of_source from main.reporting_window")
        kpis = rows(
            "kpi_coverage",
            "select count(*), count(*) filter (where has_values), cast(sum(kpi_rows) as bigint)"
            " from main.kpi_coverage",
        )
    as_of, as_of_source = window[0] if window else (None, "")
    kpi_count, kpis_with_values, kpi_value_count = kpis[0] if kpis else (0, 0, 0)
    missing_tables = tuple(row[0] for row in counts if not row[1])
    return Summary(
        raw_counts=tuple(RawCount(*row) for row in counts if row[1]),
        rejected_rows=tuple(_rejection(columns, names, *row) for row in rejected_rows),
        rejected_values=tuple(_rejection(columns, names, *row) for row in rejected_values),
        as_of=as_of,
        as_of_source=as_of_source,
        kpi_count=kpi_count,
        kpis_with_values=kpis_with_values,
        kpi_value_count=kpi_value_count,
        missing_tables=missing_tables,
        landed=tuple(LandedCount(*row) for row in landed),
        source_warnings=tuple(source_warnings),
        masked_keys=tuple(name for (name,) in masked_keys),
        unmatched_columns=_find_unmatched(missing_tables, set(filled)),
    )


def _find_unmatched(
    missing_tables: tuple[str, ...], filled: set[tuple[str, str]]
) -> dict[str, tuple[str, ...]]:
    return {
        missing: columns
        for missing in _SPLITTING_TABLES
        if missing in missing_tables
        and (
            columns := tuple(
                f"{table.name}.{column.name}"
                for table in read_contract()
                for column in table.columns
                if column.references == missing and (table.name, column.name) in filled
            )
        )
    }


def _rejection(  # noqa: PLR0913, PLR0917 - the columns of a query
    columns: dict[tuple[str, str], RawColumn],
    names: set[str],
    table: str,
    column: str | None,
    reason: str,
    count: int,
    first_row: int,
    value: str | None,
) -> Rejection:
    described = columns[table, column] if column else None
    example = describe_rejection(table, described, reason, "(name)" if value in names else value)
    return Rejection(table, column, reason, count, first_row, example)


def format_landed(summary: Summary) -> list[str]:
    """The lines of the table of what loaders have landed; none if nothing was read from vendors' tables."""
    if not summary.landed:
        return []
    header = ("landed", "rows", "kept", "left out")
    rows = [
        (f"{count.source} {count.name}", count.rows_landed, count.rows_kept, count.left_out)
        for count in summary.landed
    ]
    return [line.rstrip() for line in format_table(header, rows)]


def format_raw_counts(summary: Summary) -> list[str]:
    """The lines of the table of raw tables; none if there is nothing to show."""
    if not summary.raw_counts:
        return []
    header = ("file", "rows read", "staged", "rejected", "values rejected")
    numbers = [
        (count.rows_read, count.rows_staged, count.rows_rejected, count.values_rejected)
        for count in summary.raw_counts
    ]
    rows: list[tuple[str | int, ...]] = [
        (count.file_name, *counted) for count, counted in zip(summary.raw_counts, numbers, strict=True)
    ]
    lines = format_table(header, [*rows, ("total", *map(sum, zip(*numbers, strict=True)))])
    if summary.missing_tables:
        lines.append(f"Without a file: {', '.join(summary.missing_tables)}.")
    keys = {table.name: table.key[0] for table in read_contract()}
    for table, columns in summary.unmatched_columns.items():
        lines.append(
            f"Nothing is split by {', '.join(columns)}, since there are no {table}: a {table}.csv with the"
            f" column {keys[table]} alone is enough."
        )
    return lines


def format_rejections(summary: Summary) -> list[str]:
    """A line for each reason for which rows or values were rejected, with one value and the expected form."""
    lines = []
    for title, rejections in (
        ("Rejected rows, the first of each reason:", summary.rejected_rows),
        ("Values taken as missing, the first of each reason:", summary.rejected_values),
    ):
        if rejections:
            lines.append(title)
            for _, reasons in groupby(rejections, key=lambda rejection: rejection.table):
                lines += _format_reasons(list(reasons))
    if lines:
        lines.append("Each one is listed in rejected_rows or rejected_values of the warehouse.")
    return lines


def format_masked_keys(summary: Summary) -> list[str]:
    """A line that names the columns whose keys are masked, and how to show them; none if there are none."""
    if not summary.masked_keys:
        return []
    return [
        f"Names and phone numbers are masked in keys: {', '.join(summary.masked_keys)}."
        " To show them, write mask_names_in_keys: false into settings.yml."
    ]


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


def _format_reasons(rejections: list[Rejection]) -> list[str]:
    lines = []
    for rejection in rejections[:_MOST_REASONS]:
        place = f" of {rejection.column}" if rejection.column else ""
        lines.append(
            f"  {rejection.table}: {rejection.count:,} {rejection.reason}{place},"
            f" row {rejection.first_row}: {rejection.example}"
        )
    rest = sum(rejection.count for rejection in rejections[_MOST_REASONS:])
    return [*lines, f"  {rejections[0].table}: {rest:,} for other reasons"] if rest else lines
