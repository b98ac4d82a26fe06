"""Brings the snapshots into the warehouse as the source `snapshots`: baselines whose raw data may be gone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from crm_kpis.errors import InputError
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.snapshots.manifest import read_manifest, verify
from crm_kpis.snapshots.take import list_snapshots
from crm_kpis.sql import quote_identifier, quote_path, quote_text
from crm_kpis.yaml_files import parse_yaml

SCHEMA = "snapshots"
_SOURCES_FILE = PROJECT_DIR / "models" / "comparisons" / "_sources.yml"


def register_snapshots(connection: duckdb.DuckDBPyConnection, snapshots: Path) -> tuple[str, ...]:
    """Make the views of the source `snapshots` over all snapshots of a directory, in place of those before.

    Args:
        connection: A connection that may write, with no transaction open.
        snapshots: The directory of the snapshots; where there is none, the views are empty.

    Returns:
        A warning for each snapshot that is damaged or can't be read, and so is left out.
    """
    tables = _read_tables()
    queries = {table: [_select_nothing(columns)] for table, columns in tables.items()}
    warnings = []
    for name in list_snapshots(snapshots):
        directory = snapshots / name
        try:
            verify(directory, read_manifest(directory), set(tables))
        except InputError as error:
            warnings.append(f"Not read as a baseline: {error}")
            continue
        for table, columns in tables.items():
            queries[table].append(_select(connection, directory / f"{table}.parquet", columns, name))
    connection.execute("begin")
    try:
        connection.execute(f"drop schema if exists {SCHEMA} cascade")
        connection.execute(f"create schema {SCHEMA}")
        for table, selects in queries.items():
            connection.execute(f"create view {SCHEMA}.{table} as {' union all '.join(selects)}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return tuple(warnings)


@cache
def _read_tables() -> dict[str, dict[str, str]]:
    """The tables of the source: the types of their columns, without the first, the snapshot's name."""
    sources = parse_yaml(_SOURCES_FILE.read_text(encoding="utf-8"))["sources"]
    return {
        table["name"]: {column["name"]: column["data_type"] for column in table["columns"][1:]}
        for table in sources[0]["tables"]
    }


def _select_nothing(columns: dict[str, str]) -> str:
    nulls = ", ".join(f"cast(null as {data_type}) as {name}" for name, data_type in columns.items())
    return f"select cast(null as varchar) as snapshot_name, {nulls} where false"


def _select(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: dict[str, str], snapshot_name: str
) -> str:
    file = f"read_parquet({quote_path(path.absolute())}, hive_partitioning = false)"
    there = {column for column, *_ in connection.execute(f"describe from {file}").fetchall()}
    selected = ", ".join(
        f"cast({quote_identifier(column) if column in there else 'null'} as {data_type}) as {column}"
        for column, data_type in columns.items()
    )
    return f"select {quote_text(snapshot_name)} as snapshot_name, {selected} from {file}"
