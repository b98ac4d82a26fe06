"""The macros as they render for DuckDB and for Spark, without dbt, and what each engine makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import duckdb
import jinja2
from crm_kpis.raw.contract import PROJECT_DIR

# Settings come from dbt; materializations are none of Jinja's.
_NOT_READ = {"settings.sql", "materializations.sql", "unit_tests.sql"}
_MACROS = "".join(
    path.read_text(encoding="utf-8")
    for path in sorted((PROJECT_DIR / "macros").rglob("*.sql"))
    if path.name not in _NOT_READ
)
Engine = Callable[[str], list[tuple[Any, ...]]]


class _Adapter:
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @jinja2.pass_context
    def dispatch(self, context: jinja2.runtime.Context, name: str, _package: str) -> Any:
        return context[f"{self._prefix}__{name}"]


class _Dbt:
    def type_string(self) -> str:
        return "string"

    def listagg(self, measure: str, delimiter: str, order_by: str) -> str:
        return f"listagg({measure}, {delimiter} {order_by})"

    def string_literal(self, value: object) -> str:
        return f"'{value}'"


class _Package:
    def __getattr__(self, name: str) -> Any:
        @jinja2.pass_context
        def call(context: jinja2.runtime.Context, *values: Any, **named: Any) -> Any:
            return context[name](*values, **named)

        return call


def render(call: str, prefix: str, **names: Any) -> str:
    """The SQL that a call of a macro renders.

    Args:
        call: Jinja, such as to_date('x').
        prefix: Of the macros of the engine: duckdb, or default for Spark.
        names: What the call may name.
    """
    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701
    environment.globals |= {
        "return": lambda value: value,
        "adapter": _Adapter(prefix),
        "dbt": _Dbt(),
        "crm_kpis": _Package(),
        "ref": lambda name: name,
        "setting": {"reporting_time_zone": "Europe/Berlin", "business_time_zone": None}.get,
    }
    return environment.from_string(f"{_MACROS}{{{{ {call} }}}}").render(**names).strip()


def run_on_duckdb(sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query, as DuckDB computes them."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def run_on_spark(session: Any) -> Engine:
    """What computes the rows of a query in a session of Spark."""
    return lambda sql: [tuple(row) for row in session.sql(sql).collect()]


def literal(value: str | None, prefix: str) -> str:
    """A text as SQL."""
    if value is None:
        return "cast(null as string)"
    return "'" + value.replace("'", "''") + "'" if prefix == "duckdb" else json.dumps(value)
