"""The unit tests of the models, computed by Spark in this process. Skipped without pyspark or Java.

In `make test` those of one folder; in `make test-all`, or with CRM_KPIS_SPARK_UNIT_TESTS=1, all of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.settings.read import read_settings
from crm_kpis.spark.build import settings_variable
from crm_kpis.spark.inputs import register_inputs
from crm_kpis.spark.session import spark_session
from crm_kpis.sql import quote_text
from pipeline import SAMPLE_DIR, SAMPLE_SETTINGS, Build
from sizes import size

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]

_SCHEMA = "crm_kpis"
# Those of a folder are run by one call of dbt; the longest take two minutes.
_FOLDERS = sorted(
    path.parent.relative_to(PROJECT_DIR)
    for path in PROJECT_DIR.glob("models/**/_unit_tests.yml")
    if "\nunit_tests:" in path.read_text(encoding="utf-8")
)
_USUAL = Path("models/calendar")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, sample_build: Build) -> Iterator[Any]:
    """A session with the tables of the sample: the seeds, which unit tests read, and the others without rows.

    From those dbt reads the types of the given columns.
    """
    directory = tmp_path_factory.mktemp("spark")
    manifest = json.loads((sample_build.output / "dbt_target" / "manifest.json").read_text(encoding="utf-8"))
    sources = list(manifest["sources"].values())
    seeds = {node["alias"] for node in manifest["nodes"].values() if node["resource_type"] == "seed"}
    with spark_session(directory / "tables") as session:
        with sample_build.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            statements = register_inputs(
                connection, inspect(SAMPLE_DIR), sources, directory / "inputs", _SCHEMA
            )
            for (table,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'main'"
            ).fetchall():
                path = directory / f"{table}.parquet"
                file = quote_text(str(path))
                rows = "" if table in seeds else "limit 0"
                connection.execute(f"copy (from main.{table} {rows}) to {file} (format parquet)")
                columns = ", ".join(
                    f"cast({name} as timestamp) as {name}" if kind == "TIMESTAMP" else name
                    for name, kind, *_ in connection.execute(f"describe main.{table}").fetchall()
                )
                statements.append(f"create view {_SCHEMA}.{table} as select {columns} from parquet.`{path}`")
        for statement in statements:
            session.sql(statement)
        yield session


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps what it has parsed, from one folder to the next."""
    return tmp_path_factory.mktemp("target")


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("folder", _FOLDERS if size("SPARK_UNIT_TESTS", 0, 1) else [_USUAL], ids=str)
def test_unit_tests_pass_on_spark(monkeypatch, target, folder):
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - takes seconds to import

    for name, value in settings_variable(read_settings(SAMPLE_SETTINGS)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(PROJECT_DIR)
    outcome = dbtRunner().invoke(
        [
            *("test", "--select", f"path:{folder}/_unit_tests.yml,test_type:unit", "--target", "spark"),
            *("--target-path", str(target), "--quiet", "--log-level", "none", "--log-level-file", "none"),
        ]
    )
    if outcome.exception:
        raise outcome.exception
    results = outcome.result.results
    print(f"{folder}: {len(results)} unit tests, {sum(result.execution_time for result in results):.0f} s")
    assert results
    others = [f"{result.node.name}: {result.message}" for result in results if result.status != "pass"]
    assert not others, "\n".join(others)
