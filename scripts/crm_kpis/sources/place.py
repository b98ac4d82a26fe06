"""Where a loader has landed a vendor's tables: a schema of a DuckDB file or of Postgres, or a directory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.raw import csv_file
from crm_kpis.sources import postgres
from crm_kpis.sql import quote_identifier, quote_path, quote_text

_CSV = (".csv", ".csv.gz")
_JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_SUFFIXES = (".parquet", *_CSV, *_JSON_LINES)
_GZIP = b"\x1f\x8b"
_LOCK_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_NO_SCHEMAS = ("information_schema", "pg_catalog")


@dataclass(frozen=True)
class LandedTable:
    """A landed table.

    Attributes:
        name: Its name, as it stands.
        relation: The SQL that reads it.
        columns: The DuckDB type of each column, by its name as it stands.
        files: The files, where it lies in a directory.
        load: Copies named columns into a temporary table, where DuckDB can't read the place itself.
    """

    name: str
    relation: str
    columns: Mapping[str, str]
    files: tuple[Path, ...] = ()
    load: postgres.Loader | None = field(default=None, compare=False)

    @property
    def is_text(self) -> bool:
        """Whether it is read from CSV or JSON lines, so that all columns are text."""
        return any(not path.name.endswith(".parquet") for path in self.files)


@dataclass(frozen=True)
class Place:
    """Where the tables lie: a DuckDB file or PostgreSQL database and a schema, or a directory.

    Attributes:
        path: The file or directory, absolute.
        schema: The schema of the file or database; None to find it, and for a directory.
        is_directory: Whether it is a directory.
        url: The address of a PostgreSQL database; None: it is a file or directory.
    """

    path: Path
    schema: str | None = None
    is_directory: bool = field(default=False)
    url: str | None = None

    @property
    def address(self) -> str:
        """The file, directory or database, as it was named."""
        return self.url or str(self.path)

    def __str__(self) -> str:
        """The place for people."""
        address = postgres.hide_password(self.address)
        return f"{address}, schema {self.schema}" if self.schema else address


@contextmanager
def opened(
    connection: duckdb.DuckDBPyConnection, places: list[Place]
) -> Iterator[list[dict[str, LandedTable]]]:
    """Attach the places read-only and list their tables.

    Args:
        connection: A connection without an open transaction.
        places: The places; a schema None is found where the file has one schema with tables.

    Yields:
        The tables of each place by name.

    Raises:
        InputError: A place is not there, is locked, has no such schema, or a file of it can't be read.
    """
    with ExitStack() as stack:
        tables = []
        for number, place in enumerate(places, start=1):
            if place.is_directory:
                tables.append(_list_files(connection, place))
            elif place.url:
                listed = stack.enter_context(postgres.opened_schema(place.url, place.schema))
                tables.append(
                    {
                        name: LandedTable(name, "", table.columns, load=table.load)
                        for name, table in listed.items()
                    }
                )
            else:
                # DuckDB finds crm.deals ambiguous where a file and a schema are both named crm.
                alias = f"__landed_{number}"
                _attach(connection, place, alias)
                stack.callback(_detach, connection, alias)
                tables.append(_list_schema(connection, place, alias))
        yield tables


def fingerprint(place: Place) -> list[tuple[str, int, int]]:
    """Name, size and time of each file of a place: while they stay, so do its tables.

    Raises:
        InputError: The place can't be read.
    """
    if place.url:
        return postgres.fingerprint(place.url, place.schema)
    paths = sorted(_walk(place.path)) if place.is_directory else [place.path]
    try:
        stats = [(path, path.stat()) for path in paths]
    except OSError as error:
        raise InputError(f"{error.filename} can't be read: {error.strerror}.") from error
    return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats]


def _attach(connection: duckdb.DuckDBPyConnection, place: Place, alias: str) -> None:
    if not place.path.is_file():
        what = (
            "is a directory: give it to --landed" if place.path.is_dir() else "does not exist: check the path"
        )
        raise InputError(f"The DuckDB file {place.path} {what}.")
    try:
        connection.execute(f"attach {quote_text(str(place.path))} as {alias} (read_only)")
    except duckdb.Error as error:
        message = str(error)
        if "lock on file" in message:
            holder = _LOCK_HOLDER.search(message)
            who = f": {holder['program']}, PID {holder['pid']}" if holder else ""
            raise InputError(
                f"{place.path} is being written by another process{who}. Wait until it has ended."
            ) from error
        raise InputError(
            f"{place.path} can't be read as a DuckDB file: {first_line(message)}. Check --database."
        ) from error


def _detach(connection: duckdb.DuckDBPyConnection, alias: str) -> None:
    connection.execute(f"detach database if exists {alias}")


def _list_schema(connection: duckdb.DuckDBPyConnection, place: Place, alias: str) -> dict[str, LandedTable]:
    columns = connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = ? and not internal order by schema_name, table_name, column_index",
        [alias],
    ).fetchall()
    schemas: dict[str, dict[str, dict[str, str]]] = {}
    for schema, table, column, data_type in columns:
        schemas.setdefault(schema, {}).setdefault(table, {})[column] = data_type
    for schema in _NO_SCHEMAS:
        schemas.pop(schema, None)
    names = ", ".join(schemas) or "no schema with tables"
    if place.schema is None:
        # dlt keeps the last load of some tables beside the data set.
        candidates = [schema for schema in schemas if not schema.endswith("_staging")]
        if len(candidates) != 1:
            raise InputError(f"{place.path} has these schemas: {names}. Name the right one with --schema.")
        schema = candidates[0]
    else:
        found = [schema for schema in schemas if schema.lower() == place.schema.lower()]
        if not found:
            raise InputError(
                f"{place.path} has no schema {place.schema} with tables. There are: {names}. Check --schema."
            )
        schema = found[0]
    prefix = f"{alias}.{quote_identifier(schema)}"
    return {
        table: LandedTable(table, f"{prefix}.{quote_identifier(table)}", landed)
        for table, landed in schemas[schema].items()
    }


def _list_files(connection: duckdb.DuckDBPyConnection, place: Place) -> dict[str, LandedTable]:
    if not place.path.is_dir():
        what = "is a file: give its directory, or a DuckDB file to --database"
        what = what if place.path.exists() else "does not exist: check the path"
        raise InputError(f"The directory of landed tables {place.path} {what}.")
    files: dict[str, list[Path]] = {}
    for path in sorted(_walk(place.path)):
        name = path.name if path.parent == place.path else path.relative_to(place.path).parts[0]
        files.setdefault(_table_name(name), []).append(path)
    if not files:
        raise InputError(
            f"{place.path} holds no landed tables. It needs files <table>.parquet, <table>.csv or"
            " <table>.jsonl, or a directory of such files for each table."
        )
    return {table: _describe(connection, table, paths) for table, paths in files.items()}


def _walk(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
        if path.name.endswith(_SUFFIXES) and not hidden and path.is_file():
            yield path


def _table_name(file_name: str) -> str:
    is_csv = file_name.endswith(_CSV)
    file_name = file_name.removesuffix(".gz")
    for suffix in _SUFFIXES:
        file_name = file_name.removesuffix(suffix)
    if is_csv and file_name.endswith("_data") and not file_name.endswith("__data"):
        # The example files of Fivetran's dbt packages are named like this.
        file_name = file_name.removesuffix("_data").removeprefix("sf_")
    return file_name


def _describe(connection: duckdb.DuckDBPyConnection, table: str, paths: list[Path]) -> LandedTable:
    kinds = {path.name.removesuffix(".gz").rpartition(".")[2] for path in paths}
    if len(kinds) > 1:
        raise InputError(
            f"The table {table} lies in {paths[0].parent} in several formats: {', '.join(sorted(kinds))}."
            " Remove all but one of them."
        )
    for path in paths:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes). Remove it, or land it again.")
    listed = ", ".join(quote_path(path) for path in paths)
    try:
        if kinds == {"parquet"}:
            # Otherwise a directory named day=3 would add a column.
            relation = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        elif kinds == {"csv"}:
            relation = f"(from {' union all by name from '.join(_read_csv(path) for path in paths)})"
        else:
            relation = (
                f"(from {' union all by name from '.join(_read_json(connection, path) for path in paths)})"
            )
        described = connection.execute(f"describe from {relation}").fetchall()
    except duckdb.Error as error:
        raise InputError(f"{paths[0]} can't be read: {first_line(str(error))}. Land it again.") from error
    return LandedTable(table, relation, {row[0]: row[1] for row in described}, tuple(paths))


def _read_csv(path: Path) -> str:
    # DuckDB guesses dialects wrongly: it is told what the header says.
    header = csv_file.read_header(path, ())
    if header.encoding != csv_file.UTF8:
        raise InputError(f"{path} is in {header.encoding}. Land it in UTF-8.")
    columns = ", ".join(f"{quote_text(name)}: 'varchar'" for name in header.columns)
    return (
        f"read_csv({quote_path(path)}, auto_detect = false, header = true, skip = {header.line - 1},"
        f" columns = {{{columns}}}, delim = {quote_text(header.delimiter)}, quote = '\"', escape = '\"',"
        " nullstr = '', strict_mode = true, null_padding = false, hive_partitioning = false)"
    )


def _read_json(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    with path.open("rb") as file:
        # Older versions of dlt write compressed files without the ending .gz.
        compression = "gzip" if file.read(2) == _GZIP else "uncompressed"
    # All values are texts, as in CSV: DuckDB would guess types by the first values.
    lines = (
        f"read_json({quote_path(path)}, format = 'newline_delimited', compression = '{compression}',"
        " maximum_depth = 1, sample_size = -1, records = true, hive_partitioning = false)"
    )
    names = [row[0] for row in connection.execute(f"describe from {lines}").fetchall()]
    texts = ", ".join(
        f"json_extract_string({quote_identifier(name)}, '$') as {quote_identifier(name)}" for name in names
    )
    return f"(select {texts} from {lines})"
