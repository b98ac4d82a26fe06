"""Reads the published marts for the report: a query a file in queries/, and nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.published.connect import FILE_NAME, SCHEMA, open_published

QUERIES_DIR = Path(__file__).parent / "queries"

Row = dict[str, Any]

# The marts without which there is nothing to show; all others may be missing.
_NEEDED = ("kpi_catalogue", "kpi_coverage", "kpi_values", "reporting_window")


def group(rows: list[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """The rows by the values of their columns `keys`, groups and rows in the order of the rows."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


@contextmanager
def open_marts(output: Path) -> Iterator[Marts]:
    """Open the published marts.

    Args:
        output: The output directory of `crm-kpis run`.

    Raises:
        InputError: Nothing is published there, it can't be read, or it holds no KPIs.
    """
    with open_published(output) as connection:
        marts = Marts(connection)
        missing = [name for name in _NEEDED if name not in marts.relations]
        if missing:
            raise InputError(
                f"{output / FILE_NAME} has no table {SCHEMA}.{missing[0]}. Run crm-kpis run again."
            )
        yield marts


class Marts:
    """The published marts, open for reading; see open_marts."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read from a connection to the published file."""
        self._connection = connection
        self._read: dict[str, list[Row]] = {}

    def rows(self, query: str, *needs: str) -> list[Row]:
        """The rows of a query, each a column's name to its value; read once, so nobody may change them.

        Args:
            query: The name of its file, without the ending.
            needs: The marts that it reads and that may be missing: then there are no rows.

        Raises:
            InputError: The marts lack a column: another version of crm-kpis published them.
        """
        if not self.relations.issuperset(needs):
            return []
        if query in self._read:
            return self._read[query].copy()
        text = (QUERIES_DIR / f"{query}.sql").read_text(encoding="utf-8")
        try:
            found = self._connection.execute(text)
        except duckdb.BinderException as error:
            raise InputError(
                f"{FILE_NAME} was published by another version of crm-kpis: {first_line(str(error))}."
                " Run crm-kpis run again."
            ) from error
        names = [column[0] for column in found.description]
        self._read[query] = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        return self._read[query].copy()

    @cached_property
    def as_of(self) -> date | None:
        """The last day that counts; None where nothing happened in them."""
        return self.rows("as_of")[0]["as_of"]

    @cached_property
    def settings(self) -> Row:
        """The row of reporting_settings; the defaults where the file has none."""
        defaults = {
            "reporting_currency": "EUR",
            "company_name": None,
            "company_logo": None,
            "report_language": "en",
            "headline_kpis": "",
        }
        rows = self.rows("settings", "reporting_settings")
        return rows[0] if rows else defaults

    @cached_property
    def relations(self) -> frozenset[str]:
        """The names of the published tables and views."""
        found = self._connection.execute(
            "select table_name from information_schema.tables where table_schema = ?", [SCHEMA]
        )
        return frozenset(name for (name,) in found.fetchall())
