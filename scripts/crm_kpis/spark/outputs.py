"""What Spark has built, for DuckDB: a view over the files of each table.

The gate, the summary and publishing read the warehouse, and do not know which engine computed it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

import duckdb

from crm_kpis.errors import InputError
from crm_kpis.published.connect import OFFLINE
from crm_kpis.published.write import ClusterTable
from crm_kpis.spark.session import quote_spark_text, run_statement
from crm_kpis.sql import quote_identifier, quote_path

_SCHEMA = "main"


class _Place(NamedTuple):
    """Where Spark keeps a table: the directory of its Parquet files on this machine, if they are here."""

    file_format: str
    location: str
    directory: Path | None


def register_outputs(
    warehouse: Path,
    session: Any,
    tables: dict[str, str],
    copies: Path,
    optional: frozenset[str] = frozenset(),
) -> None:
    """Make a view of the warehouse for each table that Spark has built.

    Args:
        warehouse: The DuckDB file, without such views.
        session: The Spark session.
        tables: The name in Spark of each table by its name in the warehouse.
        copies: Where Spark writes those that are no Parquet files on this machine; each executor must see it.
        optional: The tables that nobody reads afterwards: they are left out where they would be copied.

    Raises:
        InputError: A table can't be read, or what Spark has written is not on this machine.
    """
    with duckdb.connect(warehouse, config=OFFLINE) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table, name in tables.items():
            directory = _find(session, name).directory
            if directory is None:
                if table in optional:
                    continue
                directory = _copy(session, name, copies / table)
            # The path is quoted, the wildcard is not.
            pattern = quote_path(directory)[:-1] + "/*.parquet'"
            files = f"read_parquet({pattern}, hive_partitioning = false)"
            columns = ", ".join(
                _expression(name, duckdb_type)
                for name, duckdb_type, *_ in connection.execute(f"describe from {files}").fetchall()
            )
            connection.execute(
                f"create view {_SCHEMA}.{quote_identifier(table)} as select {columns} from {files}"
            )


def describe_outputs(session: Any, tables: dict[str, str]) -> tuple[ClusterTable, ...]:
    """Say where tables are that stay on the cluster, and how many rows they have.

    Args:
        session: The Spark session.
        tables: As of `register_outputs`.

    Raises:
        InputError: A table can't be read.
    """
    described = []
    for table, name in tables.items():
        place = _find(session, name)
        ((rows,),) = run_statement(session, f"select count(*) from {name}", _unread(name))
        described.append(
            ClusterTable(table, name.replace("`", ""), place.file_format, place.location, int(rows))
        )
    return tuple(described)


def _find(session: Any, name: str) -> _Place:
    rows = run_statement(session, f"describe table extended {name}", _unread(name))
    described = {row[0]: row[1] for row in rows}
    file_format, location = described.get("Provider", "").lower(), described.get("Location", "")
    url = urlparse(location)
    path = Path(unquote(url.path))
    is_here = file_format == "parquet" and url.scheme in ("", "file") and path.is_dir()
    return _Place(file_format, location, path if is_here else None)


def _copy(session: Any, name: str, directory: Path) -> Path:
    """Let Spark write a table as Parquet where this machine reads it."""
    run_statement(
        session,
        f"insert overwrite directory {quote_spark_text(str(directory))} using parquet select * from {name}",
        _unread(name),
    )
    if not any(directory.glob("*.parquet")):
        raise InputError(
            f"Spark has written the table {name} to {directory}, but it is not there on this machine."
            " Let --output be a directory that this machine and each executor see under the same path."
        )
    return directory


def _unread(name: str) -> str:
    return f"The table {name} that Spark has built can't be read"


def _expression(name: str, duckdb_type: str) -> str:
    column = quote_identifier(name)
    # Both are in UTC; the models know no other.
    if duckdb_type == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({column})) as {column}"
    return column
