"""The unit tests of dbt as queries, which say in milliseconds whether changed code of a model passes them.

dbt takes a second to begin and 0.2 s for each test, most of it to render given and expected rows. These stay
the same when a model or macro is changed, so only the code of the model is rendered again.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import duckdb
from dbt.clients.jinja import get_rendered
from dbt.compilation import Compiler

# dbt puts the given rows between `with` and the first CTE.
_BEFORE_FIRST_CTE = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:with\b)?\s*", re.DOTALL)
_CREATE_ACTUAL = re.compile(r'.*?create or replace temp table ("\w+__actual") as (.*?)[\s;]*', re.DOTALL)
_ACTUAL = "dbt_internal_unit_test_actual"
# What takes longer is a join that doesn't end.
LONGEST_SECONDS = 30


@dataclass(frozen=True)
class UnitTest:
    """A unit test that dbt has run.

    Attributes:
        name: Its name.
        model: The model that dbt has parsed, whose code may be changed.
        seconds: How long its query takes.
    """

    name: str
    model: Any
    seconds: float
    _node: Any
    _context: dict[str, Any]
    _before: str
    _after: str

    def render(self) -> str:
        """The query for the model's code as it is now; its rows are marked as actual or expected."""
        code = get_rendered(self.model.raw_code, self._context, self._node)
        return f"{self._before}{_without_with(code)}{self._after}"


class UnitTestRecorder:
    """Keeps what dbt does in its unit tests.

    Args:
        models: The models that dbt has parsed by their keys.
    """

    def __init__(self, models: dict[str, Any]) -> None:
        self._models = models
        self._contexts: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._statements: dict[str, list[str]] = {}

    @contextmanager
    def record(self) -> Iterator[Callable[[Any], None]]:
        """Keep the contexts of Jinja in which dbt renders; yield what is to be called with dbt's events."""
        create = Compiler._create_node_context

        def create_and_keep(compiler: Compiler, node: Any, manifest: Any, extra: dict[str, Any]) -> Any:
            context = create(compiler, node, manifest, extra)
            self._contexts[node.unique_id] = (node, context)
            return context

        with patch.object(Compiler, "_create_node_context", create_and_keep):
            yield self._keep_statement

    def _keep_statement(self, event: Any) -> None:
        if event.info.name == "SQLQuery":
            self._statements.setdefault(event.data.node_info.unique_id, []).append(event.data.sql)

    def read(self, connection: duckdb.DuckDBPyConnection) -> list[UnitTest]:
        """The unit tests that were recorded, the fastest first.

        Args:
            connection: The warehouse on which dbt ran them.

        Raises:
            AssertionError: The query of one doesn't pass, as it did by dbt.
        """
        tests = []
        for key, (node, context) in self._contexts.items():
            if node.resource_type == "unit_test":
                test = self._read(key, node, context)
                start = time.perf_counter()
                assert passes(connection, test.render()), f"{test.name} passes by dbt alone"
                tests.append(replace(test, seconds=time.perf_counter() - start))
        return sorted(tests, key=lambda test: test.seconds)

    def _read(self, key: str, node: Any, context: dict[str, Any]) -> UnitTest:
        model, statements = self._models[node.tested_node_unique_id], self._statements[key]
        [created] = [found for sql in statements if (found := _CREATE_ACTUAL.fullmatch(sql))]
        [compared] = [sql for sql in statements if _ACTUAL in sql]
        actual, query = created[1], created[2]
        code = _without_with(get_rendered(model.raw_code, context, node))
        assert query.endswith(code), f"{node.name} ends otherwise than its model"
        before, _, after = compared.partition(f"from {actual}")
        # Where nothing is expected, dbt selects no row of the actual ones.
        after = after.replace(actual, _ACTUAL)
        given = query.removesuffix(code)
        return UnitTest(node.name, model, 0.0, node, context, f"{before}from (\n{given}", f"\n){after}")


def _without_with(code: str) -> str:
    return _BEFORE_FIRST_CTE.sub("", code, count=1).rstrip()


def passes(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether the actual rows of a unit test's query are the expected ones.

    Raises:
        duckdb.Error: The query has no meaning, fails or doesn't end.
    """
    timer = threading.Timer(LONGEST_SECONDS, connection.interrupt)
    timer.start()
    try:
        found = connection.execute(query)
        names = [column[0] for column in found.description]
        rows = found.fetchall()
    finally:
        timer.cancel()
    place = names.index("actual_or_expected")
    sides: dict[str, list[str]] = {"actual": [], "expected": []}
    for row in rows:
        sides[row[place]].append(repr(row[:place] + row[place + 1 :]))
    return sorted(sides["actual"]) == sorted(sides["expected"])
