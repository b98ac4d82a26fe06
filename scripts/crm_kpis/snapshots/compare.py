"""Compares the KPI values of a snapshot with those of another, or with what is published.

The comparison is made in SQL, by compare.sql; what is here brings both sides into one database and reads what
came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.published.connect import OFFLINE, open_published
from crm_kpis.snapshots.manifest import Definition, Manifest
from crm_kpis.snapshots.take import DIRECTORY, describe_marts, open_snapshot
from crm_kpis.sql import quote_path

PUBLISHED = "what is published"
# What a comparison can be made to fail on, and the rows of `compared` or `changed_parts` that do it.
FAILURES = {
    "changed": ("values changed", "from compared where status = 'changed'"),
    "worsened": ("values worsened", "from compared where direction = 'worsened'"),
    "removed": ("values are gone", "from compared where status = 'removed'"),
    "definition": ("parts of definitions changed", "from changed_parts"),
}

_SQL_FILE = Path(__file__).with_suffix(".sql")
# What a reader wants to know first: what should not have moved before what goes on, long periods before short
# ones, totals before segments.
_ORDER = """
    cause = 'period went on',
    array_position(
        ['named', 'all', 'year', 'fiscal_year', 'quarter', 'fiscal_quarter', 'month', 'week'], period_grain
    ),
    segment_by <> 'all',
    abs(relative_change) desc nulls last,
    kpi_id,
    period_name,
    segment_by,
    segment
"""


@dataclass(frozen=True)
class Side:
    """One of the two states that are compared.

    Attributes:
        name: The snapshot's name, or PUBLISHED.
        manifest: What the state holds and how its KPIs are defined.
    """

    name: str
    manifest: Manifest


class Comparison:
    """What came of a comparison, as long as its database is open.

    Attributes:
        baseline: The earlier state.
        current: The later state.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, baseline: Side, current: Side) -> None:
        """Take what `compare` has made."""
        self.baseline = baseline
        self.current = current
        self._connection = connection

    def count(self) -> list[dict[str, Any]]:
        """The numbers of values by status and cause: values, KPIs, improved, worsened, rests_on_others."""
        return self._read(
            "select status, cause, count(*) as kpi_values, count(distinct kpi_id) as kpis,"
            " count(*) filter (where direction = 'improved') as improved,"
            " count(*) filter (where direction = 'worsened') as worsened,"
            " count(*) filter (where rests_on_others) as rests_on_others"
            " from compared group by status, cause"
            " order by array_position(['same', 'changed', 'added', 'removed'], status), cause"
        )

    def changed_parts(self) -> list[dict[str, Any]]:
        """The parts of KPI definitions that are others: kpi_id, part, baseline_value, current_value."""
        return self._read("from changed_parts order by kpi_id, part")

    def changes(self, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """The values that are not the same, those that a reader wants to know first coming first.

        Args:
            limit: At most so many, and none that were added; None: all of them.
        """
        what = "status <> 'same'" if limit is None else "status in ('changed', 'removed')"
        cursor = self._connection.execute(
            "select kpi_id, unit, period_grain, period_name, cast(period_start as varchar) as period_start,"
            " cast(period_end as varchar) as period_end, segment_by, segment, status, cause, direction,"
            " baseline_value, current_value, difference, relative_change, baseline_sample_size,"
            f" current_sample_size from compared where {what}"
            f" order by array_position(['changed', 'removed', 'added'], status), {_ORDER}"
            + (f" limit {limit}" if limit is not None else "")
        )
        names = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(10_000):
            yield from (dict(zip(names, row, strict=True)) for row in rows)

    def changed_raw_rows(self) -> list[dict[str, Any]]:
        """The raw tables of which other numbers of rows were read or rejected, where both sides know it."""
        baseline, current = (
            {rows.raw_table: rows for rows in side.manifest.raw_rows}
            for side in (self.baseline, self.current)
        )
        return [
            {
                "raw_table": table,
                "baseline_rows_read": baseline[table].rows_read,
                "current_rows_read": current[table].rows_read,
                "baseline_rows_rejected": baseline[table].rows_rejected,
                "current_rows_rejected": current[table].rows_rejected,
            }
            for table in sorted(baseline.keys() & current.keys())
            if baseline[table] != current[table]
        ]

    def failures(self, fail_on: tuple[str, ...]) -> list[str]:
        """The --fail-on conditions that were met, as text.

        Args:
            fail_on: Keys of FAILURES.
        """
        found = []
        for key in fail_on:
            what, rows = FAILURES[key]
            count = self._connection.execute(f"select count(*) {rows}").fetchall()[0][0]
            if count:
                found.append(f"{count:,} {what}")
        return found

    def _read(self, query: str) -> list[dict[str, Any]]:
        cursor = self._connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def compare(
    output: Path,
    baseline: str,
    current: str | None = None,
    *,
    snapshots: Path | None = None,
    tolerances: dict[str, float] | None = None,
) -> Iterator[Comparison]:
    """Compare a snapshot with another, or with what is published.

    Args:
        output: The output directory of `crm-kpis run`.
        baseline: The name of a snapshot.
        current: The name of a snapshot; None: what is published.
        snapshots: The directory of the snapshots; None: `snapshots` in the output directory.
        tolerances: For a unit of the catalogue, by how much two values may differ that count as the same. By
            default counts may not differ at all, other values by a billionth of the greater one.

    Raises:
        InputError: A snapshot is not there, damaged or of another version, or nothing is published.
    """
    snapshots = snapshots or output / DIRECTORY
    with open_published(output) if current is None else duckdb.connect(config=OFFLINE) as connection:
        sides = {"baseline": _load_snapshot(connection, "baseline", snapshots, baseline)}
        if current is None:
            connection.execute("create temp view current_values as from kpi_values")
            sides["current"] = Side(PUBLISHED, describe_marts(connection))
        else:
            sides["current"] = _load_snapshot(connection, "current", snapshots, current)
        _load_definitions(connection, {side: sides[side].manifest.definitions for side in sides})
        connection.execute("create temp table sides (baseline_as_of date, current_as_of date)")
        days = [side.manifest.as_of for side in sides.values()]
        connection.execute("insert into sides values (?, ?)", days)
        connection.execute("create temp table tolerances (unit varchar, absolute double)")
        for unit, tolerance in (tolerances or {}).items():
            connection.execute("insert into tolerances values (?, ?)", [unit, tolerance])
        connection.execute(_SQL_FILE.read_text(encoding="utf-8"))
        yield Comparison(connection, **sides)


def _load_snapshot(connection: duckdb.DuckDBPyConnection, side: str, snapshots: Path, name: str) -> Side:
    directory, manifest = open_snapshot(snapshots, name)
    path = (directory / "kpi_values.parquet").absolute()
    connection.execute(
        f"create temp view {side}_values as from read_parquet({quote_path(path)}, hive_partitioning = false)"
    )
    return Side(directory.name, manifest)


def _load_definitions(
    connection: duckdb.DuckDBPyConnection, definitions: dict[str, dict[str, Definition]]
) -> None:
    connection.execute(
        "create temp table definition_parts (side varchar, kpi_id varchar, part varchar, value varchar)"
    )
    rows = [
        (side, kpi_id, part, _show(value))
        for side, kpis in definitions.items()
        for kpi_id, parts in kpis.items()
        for part, value in parts.items()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 4
    connection.execute(
        "insert into definition_parts select unnest(?), unnest(?), unnest(?), unnest(?)", columns
    )


def _show(value: str | float | None) -> str | None:
    """A part of a definition as text: 1 and 1.0 are the same."""
    return f"{value:g}" if isinstance(value, int | float) else value
