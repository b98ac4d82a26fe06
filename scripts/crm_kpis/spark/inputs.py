"""What the models read, for Spark: raw tables, settings and snapshots.

All of it is checked and registered in DuckDB's warehouse first, as for a run on DuckDB. From there it goes to
Parquet, but for raw Parquet files with types that both engines read alike: they are read where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.raw.contract import RawColumn
from crm_kpis.raw.personal_keys import UNMASKED
from crm_kpis.raw.raw_directory import RawDirectory, RawFile, plain_parquet_columns
from crm_kpis.spark.session import quote_spark_text
from crm_kpis.sql import quote_identifier, quote_text

_NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"}
_DAYS = {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
# As what Spark can cast a column to the type of the contract, with the same result as DuckDB.
_CASTABLE = {
    "text": _NUMBERS | {"BOOLEAN", "DATE"},
    "integer": _NUMBERS,
    "decimal": _NUMBERS,
    "boolean": {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"},
    "date": _DAYS,
    "timestamp": _DAYS,
}
_DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")
_ROW_NUMBER = "cast(_metadata.row_index + 1 as bigint)"
_MISSING = {"text": "string", "integer": "bigint", "decimal": "decimal(18, 4)"}


def register_inputs(
    connection: duckdb.DuckDBPyConnection,
    raw_directory: RawDirectory,
    sources: list[dict[str, Any]],
    directory: Path,
    schema: str,
) -> list[str]:
    """Write the sources as Parquet, and say by which statements Spark knows them.

    Args:
        connection: To the warehouse in which they are registered; its time zone is UTC.
        raw_directory: The raw files.
        sources: The sources of the manifest of dbt-duckdb.
        directory: Where they are written; nothing else may be in it.
        schema: The schema of the models; those of the sources begin with its name.

    Returns:
        Statements of Spark SQL.
    """
    files = {file.table.name: file for file in raw_directory.files}
    views = {
        name
        for (name,) in connection.execute(
            "select view_name from duckdb_views() where schema_name = 'raw' and not internal"
        ).fetchall()
    }
    statements = [
        f"create database if not exists `{name}`"
        for name in sorted({schema, *(f"{schema}_{source['schema']}" for source in sources)})
    ]
    for source in sources:
        table = source["name"]
        # A raw table of a vendor is a view, too, without a file.
        is_file = source["source_name"] == "raw" and table in files and table in views
        # Where keys are masked by what other tables hold, the file is not as the models may read it.
        is_file = is_file and UNMASKED + table not in views
        columns = _columns_in_place(files[table]) if is_file else None
        if columns:
            path = files[table].path
        else:
            # Spark takes a name that begins with _ for one of its own files.
            path = directory / source["source_name"] / f"{table.strip('_')}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(connection, source, path)
        name, file = (
            f"`{schema}_{source['schema']}`.`{source['identifier']}{suffix}`" for suffix in ("", "__file")
        )
        # A view of a table, whose columns Spark knows. Of a file it reads them again with each query.
        statements += [
            f"drop table if exists {file}",
            f"create table {file} using parquet options (path {locate_file(path)})",
            f"create or replace view {name} as select {columns or '*'} from {file}",
        ]
    return statements


def locate_file(path: Path) -> str:
    """A file as a literal of Spark, which takes some characters of a path for wildcards."""
    return quote_spark_text(
        "".join(f"\\{letter}" if letter in "*?[]{}\\" else letter for letter in str(path))
    )


def _columns_in_place(file: RawFile) -> str | None:
    """The columns of a Parquet file for Spark; None where it must be written anew."""
    matches = plain_parquet_columns(file)
    if matches is None:
        return None
    columns = []
    for column in file.table.columns:
        match = matches.get(column.name)
        if match is None:
            missing = _ROW_NUMBER if column.or_row_number else "null"
            columns.append(
                f"cast({missing} as {_MISSING.get(column.data_type, column.data_type)}) as `{column.name}`"
            )
        elif _is_castable(column, match.duckdb_type) and "`" not in match.name:
            value = f"`{match.name}`"
            if file.raw_format.masks(column, match.duckdb_type):
                hashed = f"concat('address-', left(sha2(trim({value}), 256), 16))"
                value = f"case when contains({value}, '@') then {hashed} else {value} end"
            columns.append(f"{value} as `{column.name}`")
        else:
            return None
    return ", ".join([*columns, f"{_ROW_NUMBER} as _row_number"])


def _is_castable(column: RawColumn, duckdb_type: str) -> bool:
    if duckdb_type == "VARCHAR":
        return True
    castable = _CASTABLE[column.data_type]
    return duckdb_type in castable or (castable >= _NUMBERS and bool(_DECIMAL.fullmatch(duckdb_type)))


def _write(connection: duckdb.DuckDBPyConnection, source: dict[str, Any], path: Path) -> None:
    relation = f"{source['schema']}.{quote_identifier(source['identifier'])}"
    columns = ", ".join(_expressions(connection, relation, source))
    connection.execute(f"copy (select {columns} from {relation}) to {quote_text(str(path))} (format parquet)")


def _expressions(
    connection: duckdb.DuckDBPyConnection, relation: str, source: dict[str, Any]
) -> Iterator[str]:
    types = {name: column.get("data_type") for name, column in source["columns"].items()}
    for name, duckdb_type, *_ in connection.execute(f"describe {relation}").fetchall():
        column = quote_identifier(name)
        is_raw = source["source_name"] == "raw" and name != "_row_number"
        if not is_raw or _is_castable(
            RawColumn(name, types.get(name) or "text", required=False), duckdb_type
        ):
            yield column
        else:
            yield f"cast({column} as varchar) as {column}"
