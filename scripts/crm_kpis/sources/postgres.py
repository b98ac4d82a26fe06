"""Landed tables in a PostgreSQL database, read by ADBC into DuckDB.

The driver comes with the extra crm-kpis[postgres].
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.sql import quote_identifier, quote_text

_URL = re.compile(r"postgres(ql)?://")
_PASSWORD = re.compile(r"(?<=:)[^:/@]+(?=@)")
_NO_SCHEMAS = ("information_schema", "pg_catalog", "pg_toast")
# What Arrow carries as it is; all else comes as the text that Postgres writes.
_KEPT_TYPES = {
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "text": "VARCHAR",
    "character varying": "VARCHAR",
}

Loader = Callable[[duckdb.DuckDBPyConnection, str, Sequence[str]], None]


@dataclass(frozen=True)
class PostgresTable:
    """A table of a PostgreSQL schema.

    Attributes:
        name: Its name.
        columns: The type that each column has in DuckDB.
        load: Copies named columns of it into a temporary table of a DuckDB connection.
    """

    name: str
    columns: dict[str, str]
    load: Loader


def is_url(text: str) -> bool:
    """Whether the text names a PostgreSQL database."""
    return bool(_URL.match(text))


def hide_password(url: str) -> str:
    """The address of a database as messages may show it."""
    return _PASSWORD.sub("...", url)


@contextmanager
def opened_schema(url: str, schema: str | None) -> Iterator[dict[str, PostgresTable]]:
    """Connect and list the tables of a schema. All reads see one state, whatever a loader writes meanwhile.

    Args:
        url: postgresql://USER@HOST/DATABASE; a password stands in PGPASSWORD or ~/.pgpass.
        schema: The schema; None where there is one only.

    Yields:
        Its tables by name.

    Raises:
        InputError: The driver is not installed, the database can't be reached, or has no such schema.
    """
    with _connected(url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield _list_tables(connection, url, schema)


def fingerprint(url: str, schema: str | None) -> list[tuple[str, int, int]]:
    """Name, size and number of writes of each table: while they stay, so do its rows.

    Raises:
        InputError: As of `opened_schema`.
    """
    with _connected(url) as connection:
        (counts,) = _query(connection, url, "select current_setting('track_counts')")[0]
        if counts != "on":
            return [(uuid.uuid4().hex, 0, 0)]
        where = f"schemaname = {quote_text(schema)}" if schema else "true"
        return _query(
            connection,
            url,
            "select schemaname || '.' || relname || ' ' || pg_relation_filenode(relid),"
            " pg_relation_size(relid), n_tup_ins + n_tup_upd + n_tup_del"
            f" from pg_stat_user_tables where {where} order by 1",
        )


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(
            "Reading a PostgreSQL database needs a driver: pip install 'crm-kpis[postgres]'."
        ) from error
    try:
        connection = dbapi.connect(url)
    except dbapi.Error as error:
        raise _complaint(url, error) from error
    with closing(connection):
        yield connection


def _query(connection: Any, url: str, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor, duckdb.connect() as reader:
        try:
            cursor.execute(sql)
            stream = cursor.fetch_arrow()
        except connection.Error as error:
            raise _complaint(url, error) from error
        reader.register("stream", stream)
        return reader.execute("from stream").fetchall()


def _complaint(url: str, error: Exception) -> InputError:
    message = first_line(str(error)).replace(url, hide_password(url))
    return InputError(
        f"{hide_password(url)} can't be read: {message}. Check the address; a password stands in the"
        " environment variable PGPASSWORD or in ~/.pgpass."
    )


def _list_tables(connection: Any, url: str, schema: str | None) -> dict[str, PostgresTable]:
    rows = _query(
        connection,
        url,
        "select table_schema, table_name, column_name, data_type from information_schema.columns"
        f" where table_schema not in ({', '.join(map(quote_text, _NO_SCHEMAS))})"
        " order by table_schema, table_name, ordinal_position",
    )
    schemas: dict[str, dict[str, dict[str, str]]] = {}
    for table_schema, table, column, data_type in rows:
        schemas.setdefault(table_schema, {}).setdefault(table, {})[column] = data_type
    names = ", ".join(schemas) or "no schema with tables"
    if schema is None:
        candidates = [name for name in schemas if not name.endswith("_staging")]
        if len(candidates) != 1:
            raise InputError(
                f"{hide_password(url)} has these schemas: {names}. Name the right one with --schema."
            )
        schema = candidates[0]
    if schema not in schemas:
        raise InputError(
            f"{hide_password(url)} has no schema {schema} with tables. There are: {names}. Check --schema."
        )
    return {
        table: PostgresTable(
            table,
            {name: _KEPT_TYPES.get(data_type, "VARCHAR") for name, data_type in columns.items()},
            _loader(connection, url, f"{quote_identifier(schema)}.{quote_identifier(table)}", columns),
        )
        for table, columns in schemas[schema].items()
    }


def _loader(connection: Any, url: str, relation: str, types: dict[str, str]) -> Loader:
    def load(target: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str]) -> None:
        # A column of a type that Arrow has not comes as text.
        listed = ", ".join(
            quote_identifier(column)
            if types[column] in _KEPT_TYPES
            else f"cast({quote_identifier(column)} as text) as {quote_identifier(column)}"
            for column in columns
        )
        with connection.cursor() as cursor:
            try:
                cursor.execute(f"select {listed or '1 as nothing'} from {relation}")
                stream = cursor.fetch_arrow()
            except connection.Error as error:
                raise _complaint(url, error) from error
            view = f"__stream_{os.getpid()}"
            target.register(view, stream)
            target.execute(f"create temp table {quote_identifier(name)} as from {view}")
            target.unregister(view)

    return load
