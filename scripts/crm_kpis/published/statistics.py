"""What each run keeps of itself in the published file, so that the gate can judge the next one.

The tables are small: a row per raw table, per raw column and per KPI, for the last runs.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.published.connect import FILE_NAME, OFFLINE, SCHEMA, readable
from crm_kpis.sql import quote_text

# A hundred runs of a hundred columns and as many KPIs are a few hundred kilobytes.
_KEPT_RUNS = 100


@dataclass(frozen=True)
class TableCount:
    """A row of marts.run_tables; the columns' comments say what the attributes are."""

    run_id: str
    raw_table: str
    rows_read: int
    rows_staged: int
    rows_rejected: int
    values_rejected: int


@dataclass(frozen=True)
class ColumnCount:
    """A row of marts.run_columns; the columns' comments say what the attributes are."""

    run_id: str
    raw_table: str
    column_name: str
    rows_filled: int
    values_rejected: int
    keys_unmatched: int | None


@dataclass(frozen=True)
class KpiTotal:
    """A row of marts.run_kpis; the columns' comments say what the attributes are."""

    run_id: str
    kpi_id: str
    kpi_rows: int
    total_value: float | None
    share_moved: float | None


@dataclass(frozen=True)
class Statistics:
    """The rows of the three tables.

    Attributes:
        tables: The raw tables.
        columns: The columns of the raw contract.
        kpis: The KPIs of the catalogue.
    """

    tables: tuple[TableCount, ...] = ()
    columns: tuple[ColumnCount, ...] = ()
    kpis: tuple[KpiTotal, ...] = ()

    def of_run(self, run_id: str) -> Statistics:
        """The rows of one run."""
        return self._where(lambda row: row.run_id == run_id)

    def followed_by(self, latest: Statistics) -> Statistics:
        """These rows and those of the latest run, without runs that are too old to keep."""
        joined = Statistics(
            self.tables + latest.tables, self.columns + latest.columns, self.kpis + latest.kpis
        )
        kept = set(sorted({row.run_id for row in joined.tables})[-_KEPT_RUNS:])
        return joined._where(lambda row: row.run_id in kept)

    def _where(self, condition: Any) -> Statistics:
        return Statistics(
            *(tuple(filter(condition, rows)) for rows in (self.tables, self.columns, self.kpis))
        )


@dataclass(frozen=True)
class _Kept:
    """A kept table: the attribute of Statistics, the class of its rows, its types and comments."""

    attribute: str
    row: type
    comment: str
    columns: dict[str, tuple[str, str]]


_RUN_ID = ("varchar not null", "The publication, in runs.")
KEPT_TABLES = {
    "run_tables": _Kept(
        "tables",
        TableCount,
        "One row per publication and raw table, of the last 100 publications: how much was read, which"
        " the next run is compared with."
        " Primary key: run_id, raw_table.",
        {
            "run_id": _RUN_ID,
            "raw_table": ("varchar not null", "Table of the raw contract."),
            "rows_read": ("bigint", "Rows of its file; 0 without a file."),
            "rows_staged": ("bigint", "Rows that passed the checks."),
            "rows_rejected": ("bigint", "Rows that failed a check."),
            "values_rejected": ("bigint", "Values that failed a check, and were taken as missing."),
        },
    ),
    "run_columns": _Kept(
        "columns",
        ColumnCount,
        "One row per publication and column of the raw contract, of the last 100 publications. Primary"
        " key: run_id, raw_table, column_name.",
        {
            "run_id": _RUN_ID,
            "raw_table": ("varchar not null", "Table of the raw contract."),
            "column_name": ("varchar not null", "Its column."),
            "rows_filled": ("bigint", "Staged rows with a value in it."),
            "values_rejected": ("bigint", "Its values that failed a check, and were taken as missing."),
            "keys_unmatched": (
                "bigint",
                "Its values that match no row of the table that they refer to; NULL: it refers to none.",
            ),
        },
    ),
    "run_kpis": _Kept(
        "kpis",
        KpiTotal,
        "One row per publication and KPI, of the last 100 publications. Primary key: run_id, kpi_id.",
        {
            "run_id": _RUN_ID,
            "kpi_id": ("varchar not null", "The KPI, in kpi_catalogue."),
            "kpi_rows": ("bigint", "Its rows in kpi_values."),
            "total_value": ("double", "Its value over all periods and segments, in its unit."),
            "share_moved": (
                "double",
                "By which share its values of closed months differ from those of the publication before;"
                " NULL: there is nothing to compare.",
            ),
        },
    ),
}


def read_kept(output: Path) -> Statistics:
    """What the publications up to now have kept; nothing where there is none, or an older version wrote it.

    Args:
        output: The output directory of `crm-kpis run`.
    """
    if not (output / FILE_NAME).exists():
        return Statistics()
    found = {}
    with readable(output / FILE_NAME) as path, duckdb.connect(config=OFFLINE) as connection:
        connection.execute(f"attach {quote_text(str(path))} as kpis (read_only)")
        for name, kept in KEPT_TABLES.items():
            try:
                rows = connection.execute(
                    f"select {', '.join(kept.columns)} from kpis.{SCHEMA}.{name} order by all"
                )
            except (duckdb.CatalogException, duckdb.BinderException):
                return Statistics()
            found[kept.attribute] = tuple(kept.row(*row) for row in rows.fetchall())
    return Statistics(**found)


def write_statistics(connection: duckdb.DuckDBPyConnection, statistics: Statistics) -> None:
    """Make the kept tables in the file that is attached as `kpis`.

    Args:
        connection: A connection in a transaction.
        statistics: All rows to keep.
    """
    for name, kept in KEPT_TABLES.items():
        target = f"kpis.{SCHEMA}.{name}"
        types = ", ".join(f"{column} {data_type}" for column, (data_type, _) in kept.columns.items())
        connection.execute(f"create table {target} ({types})")
        rows = [astuple(row) for row in getattr(statistics, kept.attribute)]
        # One column a parameter: a statement for each row would take a second.
        if rows:
            unnested = ", ".join(
                f"unnest(cast(? as {data_type.removesuffix(' not null')}[]))"
                for data_type, _ in kept.columns.values()
            )
            connection.execute(
                f"insert into {target} select {unnested}",
                [list(values) for values in zip(*rows, strict=True)],
            )
        connection.execute(f"comment on table {target} is {quote_text(kept.comment)}")
        for column, (_, comment) in kept.columns.items():
            connection.execute(f"comment on column {target}.{column} is {quote_text(comment)}")
