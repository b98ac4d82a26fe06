"""Brings the settings into the warehouse as the source `settings`, and hashes them."""

from __future__ import annotations

from typing import Any

import duckdb

from crm_kpis.settings.cells import DUCKDB_TYPES
from crm_kpis.settings.declaration import KEYS_FILE, Setting, Settings, read_declaration
from crm_kpis.sql import quote_identifier, quote_text

SCHEMA = "settings"
_KEYS_TABLE = KEYS_FILE.replace(".", "_")


def register_settings(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make the tables of the source `settings`, in place of those before.

    Args:
        connection: A connection that may write, with no transaction open.
        settings: What `read_settings` returned. A table without a file is empty.
    """
    declaration = read_declaration()
    tables = {_KEYS_TABLE: (tuple(declaration.keys.values()), [settings.values])}
    for name, table in declaration.tables.items():
        tables[name] = (table.columns, [row.values for row in settings.rows.get(name, ())])
    connection.execute("begin")
    try:
        connection.execute(f"drop schema if exists {SCHEMA} cascade")
        connection.execute(f"create schema {SCHEMA}")
        for name, (columns, rows) in tables.items():
            _create_table(connection, name, columns, rows)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _create_table(
    connection: duckdb.DuckDBPyConnection, name: str, columns: tuple[Setting, ...], rows: list[dict[str, Any]]
) -> None:
    typed = ", ".join(
        f"{quote_identifier(column.name)} {DUCKDB_TYPES[column.data_type]}" for column in columns
    )
    connection.execute(f"create table {SCHEMA}.{name} ({typed})")
    if rows:
        tuples = ", ".join(f"({', '.join(_literal(row[column.name]) for column in columns)})" for row in rows)
        connection.execute(f"insert into {SCHEMA}.{name} values {tuples}")


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return quote_text(", ".join(str(item) for item in value))
    return quote_text(str(value))
