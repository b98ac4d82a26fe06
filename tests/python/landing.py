"""Made-up landed tables, and what the sources make of them without a run."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from crm_kpis.published.connect import OFFLINE
from crm_kpis.raw.contract import RawTable, read_contract
from crm_kpis.sources.mapping import SourceMapping, read_warnings
from crm_kpis.sources.source import SourceSettings, opened_sources

Rows = list[dict[str, Any]]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def land(directory: Path, tables: dict[str, Rows]) -> Path:
    """Write each table as a Parquet file."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(directory / f"{name}.parquet")
    return directory


class Mapped:
    """The raw tables that sources make."""

    def __init__(
        self,
        settings: SourceSettings,
        time_zone: str = "UTC",
        skipped: tuple[str, ...] = (),
        contract: tuple[RawTable, ...] | None = None,
    ) -> None:
        contract = contract or read_contract()
        # One thread: the rows are few, and tests run side by side.
        self._connection = duckdb.connect(config=OFFLINE | {"threads": 1})
        self._connection.execute("set TimeZone = 'UTC'")
        self._connection.execute("create schema raw")
        with opened_sources(self._connection, settings, contract) as sources:
            self._connection.execute("begin")
            mapping = SourceMapping(sources, settings, time_zone, contract)
            self.tables = mapping.fill(self._connection, skipped)
            self._connection.execute("commit")
            self.layouts = [source.layout.name for source in sources]
            self.warnings = [warning for source in sources for warning in source.warnings]
        self.warnings += read_warnings(self._connection)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """The rows in the order of their first columns; times as text."""
        cursor = self._connection.execute(f"select {', '.join(columns)} from raw.{table} order by all")
        return [
            tuple(str(value) if isinstance(value, datetime) else value for value in row)
            for row in cursor.fetchall()
        ]

    def describe(self, table: str) -> dict[str, str]:
        """The type of each column of a raw table."""
        described = self._connection.execute(f"describe raw.{table}").fetchall()
        return {row[0]: row[1] for row in described}

    def has_values(self, table: str, column: str) -> bool:
        """Whether a column of a raw table has a value."""
        query = f"select 1 from raw.{table} where {column} is not null limit 1"
        return bool(self._connection.execute(query).fetchall())

    def write(self, table: str, columns: list[str], path: Path) -> None:
        """Write columns of a raw table as a Parquet file, as a raw directory has it."""
        selected = f"select {', '.join(columns)} from (select *, _row_number as rowid from raw.{table})"
        self._connection.execute(f"copy ({selected}) to '{path}'")

    def row(self, table: str, *columns: str) -> tuple[Any, ...]:
        (row,) = self.rows(table, *columns)
        return row

    def left_out(self) -> dict[str, int]:
        """Rows left out, by 'level name: reason'."""
        query = "select level || ' ' || name || ': ' || reason, row_count from raw._left_out"
        return dict(self._connection.execute(query).fetchall())

    def counts(self, table: str) -> dict[str, tuple[int, int]]:
        """For each source the rows that it makes of a raw table, and those that count."""
        query = "select source, rows_landed, rows_kept from raw._sources where level = 'table' and name = ?"
        return {row[0]: row[1:] for row in self._connection.execute(query, [table]).fetchall()}

    def unbalanced(self) -> list[tuple[Any, ...]]:
        """Entities and tables of which landed is not kept + left out."""
        return self._connection.execute(
            "select s.name, rows_landed, rows_kept, sum(coalesce(row_count, 0)) from raw._sources as s"
            " left join raw._left_out as l on s.source = l.source and s.level = l.level and s.name = l.name"
            " group by all having rows_landed <> rows_kept + sum(coalesce(row_count, 0))"
        ).fetchall()


def mapped(
    landed: Path,
    vendor: str,
    time_zone: str = "UTC",
    contract: tuple[RawTable, ...] | None = None,
    **more: Any,
) -> Mapped:
    """Map one directory of landed tables."""
    from crm_kpis.sources.source import read_settings  # noqa: PLC0415

    content = {"sources": [{"vendor": vendor, "landed": str(landed)}]} | more
    return Mapped(read_settings(content, Path.cwd(), "the test"), time_zone, contract=contract)
