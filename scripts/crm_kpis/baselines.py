"""Brings the snapshots into the warehouse as the source `snapshots`: baselines whose raw data may be gone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb
import yaml

from crm_kpis.contract import PROJECT_DIR
from crm_kpis.errors import InputError
from crm_kpis.manifest import read_manifest, verify
from crm_kpis.raw_directory import quote_identifier, quote_path, quote_text
from crm_kpis.snapshot import list_snapshots

SCHEMA = "snapshots"
TABLE = "kpi_values"
_SOURCES_FILE = PROJECT_DIR / "models" / "evaluation" / "_snapshots.yml"


def register_snapshots(connection: duckdb.DuckDBPyConnection, snapshots: Path) -> tuple[str, ...]:
    """Make the view snapshots.kpi_values over all snapshots of a directory, in place of what was there.

    Args:
        connection: A connection that may write, with no transaction open.
        snapshots: The directory of the snapshots; where there is none, the view is empty.

    Returns:
        A warning for each snapshot that is damaged or can't be read, and so is left out.
    """
    queries, warnings = [_select_nothing()], []
    for name in list_snapshots(snapshots):
        try:
            queries.append(_select_snapshot(connection, snapshots / name, name))
        except InputError as error:
            warnings.append(f"Not read as a baseline: {error}")
    connection.execute("begin")
    try:
        connection.execute(f"drop schema if exists {SCHEMA} cascade")
        connection.execute(f"create schema {SCHEMA}")
        connection.execute(f"create view {SCHEMA}.{TABLE} as {' union all '.join(queries)}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return tuple(warnings)


@cache
def _read_columns() -> dict[str, str]:
    """The columns of the source and their types, from the sources file, but not the snapshot's name."""
    sources = yaml.safe_load(_SOURCES_FILE.read_text(encoding="utf-8"))["sources"]
    columns = next(table["columns"] for table in sources[0]["tables"] if table["name"] == TABLE)
    return {column["name"]: column["data_type"] for column in columns[1:]}


def _select_nothing() -> str:
    nulls = ", ".join(f"cast(null as {data_type}) as {name}" for name, data_type in _read_columns().items())
    return f"select cast(null as varchar) as snapshot_name, {nulls} where false"


def _select_snapshot(connection: duckdb.DuckDBPyConnection, directory: Path, name: str) -> str:
    verify(directory, read_manifest(directory), {TABLE})
    path = (directory / f"{TABLE}.parquet").absolute()
    file = f"read_parquet({quote_path(path)}, hive_partitioning = false)"
    there = {column for column, *_ in connection.execute(f"describe from {file}").fetchall()}
    columns = ", ".join(
        f"cast({quote_identifier(column) if column in there else 'null'} as {data_type}) as {column}"
        for column, data_type in _read_columns().items()
    )
    return f"select {quote_text(name)} as snapshot_name, {columns} from {file}"
