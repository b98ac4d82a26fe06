"""Dirty raw directories: both engines refuse the same rows and values, with the same reasons and numbers.

Skipped without pyspark or Java. CRM_KPIS_SPARK_DIRECTORIES says how many directories.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from crm_kpis.days import read_today
from crm_kpis.errors import InputError
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.settings.read import read_settings
from crm_kpis.spark.build import settings_variable
from crm_kpis.spark.inputs import register_inputs
from crm_kpis.spark.outputs import register_outputs
from crm_kpis.spark.session import spark_session
from crm_kpis.sql import quote_text
from pipeline import SAMPLE_DIR, SAMPLE_SETTINGS, CompiledProject, dbt_compile
from sizes import size
from test_corruptions import corrupt

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]

_DIRECTORIES = size("SPARK_DIRECTORIES", 1, 50)
# It reads all of staging.
_LAST = "raw_row_counts"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with spark_session(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SQL for Spark of the models up to the last, by name."""
    target = dbt_compile(
        tmp_path_factory.mktemp("compiled"),
        f"+{_LAST}",
        *("--target", "spark", "--no-introspect", "--no-populate-cache"),
        CRM_KPIS_TODAY=str(read_today()),
        **settings_variable(read_settings(SAMPLE_SETTINGS)),
    )
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    return {node["name"]: node["compiled_code"] for node in nodes.values() if node.get("compiled_code")}


def _stage(
    session: Any,
    compiled: CompiledProject,
    queries: dict[str, str],
    raw_dir: Path,
    connection: duckdb.DuckDBPyConnection,
) -> list[str]:
    """Build the models on Spark, and return their names."""
    sources = list(compiled.manifest["sources"].values())
    inputs = raw_dir.parent / "inputs"
    for statement in register_inputs(connection, inspect(raw_dir), sources, inputs, "crm_kpis"):
        session.sql(statement)
    wanted = compiled.with_inputs(_LAST)
    names = [name for name in compiled.models if name in wanted]
    for name in names:
        session.sql(f"drop table if exists crm_kpis.{name}")
        session.sql(f"create table crm_kpis.{name} using parquet as {queries[name]}")
    return names


@contextmanager
def _skipped_where_refused() -> Iterator[None]:
    """A directory that is no input at all is refused before any engine computes."""
    try:
        yield
    except InputError as error:
        pytest.skip(f"refused: {error}")


@pytest.mark.parametrize("number", range(_DIRECTORIES))
def test_a_dirty_directory_is_staged_alike(tmp_path, session, compiled, queries, number):
    corrupted = corrupt(SAMPLE_DIR, number, tmp_path / "raw")
    with (
        _skipped_where_refused(),
        compiled.run(corrupted.path, only=compiled.with_inputs(_LAST)) as connection,
    ):
        names = _stage(session, compiled, queries, corrupted.path, connection)
        tables = {name: f"`crm_kpis`.`{name}`" for name in names}
        register_outputs(tmp_path / "spark.duckdb", session, tables, tmp_path / "copies")
        connection.execute(f"attach {quote_text(str(tmp_path / 'spark.duckdb'))} as spark (read_only)")
        differing = {}
        for name in names:
            columns = ", ".join(row[0] for row in connection.execute(f"describe main.{name}").fetchall())
            ours, theirs = (f"select {columns} from {place}.{name}" for place in ("main", "spark.main"))
            rows = connection.execute(
                f"(select 'DuckDB', * from ({ours} except all {theirs}) limit 2)"
                f" union all (select 'Spark', * from ({theirs} except all {ours}) limit 2)"
            ).fetchall()
            if rows:
                differing[name] = rows
        refused = connection.execute("select count(*) from main.rejected_rows").fetchall()[0][0]
    assert differing == {}
    assert refused > 0
