"""What Spark has built, for DuckDB: a view over the files of each table.

The gate, the summary and publishing read the warehouse, and do not know which engine computed it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import duckdb

from crm_kpis.errors import InputError
from crm_kpis.published.connect import OFFLINE
from crm_kpis.sql import quote_identifier, quote_path

_SCHEMA = "main"


def register_outputs(warehouse: Path, session: Any, tables: dict[str, str]) -> None:
    """Make a view of the warehouse for each table that Spark has built.

    Args:
        warehouse: The DuckDB file, without such views.
        session: The Spark session.
        tables: The name in Spark of each table by its name in the warehouse.

    Raises:
        InputError: The files of a table are not Parquet on this machine.
    """
    with duckdb.connect(warehouse, config=OFFLINE) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table, name in tables.items():
            # The path is quoted, the wildcard is not.
            pattern = quote_path(_find(session, name))[:-1] + "/*.parquet'"
            files = f"read_parquet({pattern}, hive_partitioning = false)"
            columns = ", ".join(
                _expression(name, duckdb_type)
                for name, duckdb_type, *_ in connection.execute(f"describe from {files}").fetchall()
            )
            connection.execute(
                f"create view {_SCHEMA}.{quote_identifier(table)} as select {columns} from {files}"
            )


def _find(session: Any, name: str) -> Path:
    """The directory of a table's Parquet files."""
    described = {row[0]: row[1] for row in session.sql(f"describe table extended {name}").collect()}
    location = urlparse(described.get("Location", ""))
    if described.get("Provider", "").lower() != "parquet" or location.scheme not in ("", "file"):
        raise InputError(
            f"The table {name} can't be published from here: its files must be Parquet in a directory that"
            f" this machine reads, and they are {described.get('Provider')} in {described.get('Location')}."
        )
    return Path(unquote(location.path))


def _expression(name: str, duckdb_type: str) -> str:
    column = quote_identifier(name)
    # Both are in UTC; the models know no other.
    if duckdb_type == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({column})) as {column}"
    return column
