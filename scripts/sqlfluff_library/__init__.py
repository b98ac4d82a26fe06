"""What the SQL asks dbt for, so that sqlfluff renders it with the project's own macros and without dbt.

sqlfluff's templater for dbt compiles each file by dbt, which takes most of the time of a check. Its
templater for Jinja knows `ref`, `source`, `config` and `return`; the names below are the others.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from sqlfluff.core import FluffConfig
from sqlfluff.core.parser import BaseSegment
from sqlfluff.utils.reflow import ReflowSequence

_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project.yml"
_VARS = yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))["vars"]

# As while dbt parses: nothing is known of sources and relations.
execute = False


def _compile_once(compile_source: Callable[..., Any]) -> Callable[..., Any]:
    codes: dict[Any, Any] = {}

    def compile_or_reuse(environment: Environment, source: str, *options: Any, **named: Any) -> Any:
        key = (source, options, tuple(named.items()))
        if key not in codes:
            codes[key] = compile_source(environment, source, *options, **named)
        return codes[key]

    return compile_or_reuse


# For every file that it checks, sqlfluff loads this library and compiles all macros again, which would take a
# third of the time of a check. All its environments are alike, so what one has compiled serves the others.
if Environment.compile.__module__ != __name__:
    Environment.compile = _compile_once(Environment.compile)  # type: ignore[method-assign]


def _lay_out_once(from_root: Callable[..., Any]) -> Callable[..., Any]:
    last: list[Any] = [None, None]

    def lay_out_or_reuse(root: BaseSegment, config: FluffConfig) -> ReflowSequence:
        if last[0] is not root:
            last[:] = root, from_root(root, config)
        return last[1]

    return lay_out_or_reuse


# Four rules each lay out the same file from scratch, which would take four tenths of the time of a check.
if "lay_out_or_reuse" not in ReflowSequence.from_root.__qualname__:
    ReflowSequence.from_root = staticmethod(_lay_out_once(ReflowSequence.from_root))  # type: ignore[method-assign]


class _Adapter:
    @pass_context
    def dispatch(self, context: Context, name: str, package: str) -> Any:
        """The macro of DuckDB's, or else the one for all engines."""
        return context.get(f"duckdb__{name}") or context[f"default__{name}"]


class _Exceptions:
    def raise_compiler_error(self, message: str) -> None:
        raise ValueError(message)


class _Dbt:
    """dbt's own macros, as they render for DuckDB."""

    def type_string(self) -> str:
        return "varchar"

    def dateadd(self, part: str, number: object, day: object) -> str:
        return f"({day} + {number} * interval '1 {part}')"

    def string_literal(self, value: object) -> str:
        return f"'{value}'"

    def escape_single_quotes(self, text: str) -> str:
        return text.replace("'", "''")

    def listagg(self, measure: str, delimiter: str, order_by: str) -> str:
        return f"listagg({measure}, {delimiter} {order_by})"


class _Package:
    """The package's own macros by its name, as models of other projects call them."""

    def __getattr__(self, name: str) -> Any:
        @pass_context
        def call(context: Context, *values: Any, **named: Any) -> Any:
            return context[name](*values, **named)

        return call


def var(name: str, default: object = None) -> Any:
    """The value of a var of dbt_project.yml."""
    return _VARS.get(name, default)


def env_var(name: str, default: str = "") -> str:
    """The default: a check of style depends on nobody's environment."""
    return default


adapter, exceptions, dbt, crm_kpis = _Adapter(), _Exceptions(), _Dbt(), _Package()
