"""Random dirt is refused alike on both engines: rows, values, reasons and row numbers.

Skipped without pyspark or Java.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.spark.inputs import register_inputs
from crm_kpis.spark.session import spark_session
from pipeline import SAMPLE_SETTINGS, CompiledProject
from sizes import size
from test_corruptions import corrupt_sample

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]

_DIRECTORIES = size("SPARK_DIRECTORIES", 2, 50)
_SCHEMA = "crm_kpis"
_ROWS = "raw_table, row_number, row_key, column_name, reason, raw_row"
_VALUES = "raw_table, row_number, row_key, column_name, reason, raw_value"


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    with spark_session(tmp_path_factory.mktemp("tables")) as session:
        yield session


@pytest.fixture(scope="module")
def spark_models(spark, tmp_path_factory) -> dict[str, str]:
    """The SQL of each model, for Spark."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    target = tmp_path_factory.mktemp("target")
    options = ["--target", "spark", "--target-path", str(target), "--quiet", "--log-level-file", "none"]
    compiled = dbtRunner().invoke(["compile", *options, "--select", "+rejected_values"])
    assert compiled.success, compiled.exception
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    return {node["name"]: node["compiled_code"] for node in nodes.values() if node.get("compiled_code")}


def _refused_by_duckdb(
    compiled: CompiledProject, raw_dir: Path, landed: Path
) -> tuple[list[Any], list[Any], list[str]]:
    """The rows and values that DuckDB refuses, and the statements by which Spark knows the inputs."""
    sources = [source for source in compiled.manifest["sources"].values() if source["source_name"] == "raw"]
    models = compiled.with_inputs("rejected_values")
    with compiled.run(raw_dir, only=models, settings=SAMPLE_SETTINGS) as warehouse:
        statements = register_inputs(warehouse, inspect(raw_dir), sources, landed, _SCHEMA)
        for table in ("dim_exchange_rates", "reporting_window"):
            path = landed / f"{table}.parquet"
            warehouse.execute(f"copy main.{table} to '{path}' (format parquet)")
            statements.append(f"create or replace view {_SCHEMA}.{table} as select * from parquet.`{path}`")
        rows = warehouse.execute(f"select {_ROWS} from main.rejected_rows").fetchall()
        values = warehouse.execute(f"select {_VALUES} from main.rejected_values").fetchall()
    return rows, values, statements


@pytest.mark.parametrize("number", range(_DIRECTORIES))
def test_the_same_is_refused(tmp_path, compiled, spark, spark_models, number):
    corrupted = corrupt_sample(number, tmp_path / "raw")
    rows, values, statements = _refused_by_duckdb(compiled, corrupted.path, tmp_path / "landed")
    for statement in statements:
        spark.sql(statement)
    spark.sql(f"drop table if exists {_SCHEMA}.rejected_rows")
    spark.sql(f"create table {_SCHEMA}.rejected_rows using parquet as {spark_models['rejected_rows']}")
    for name, sql in spark_models.items():
        if name.startswith("stg_"):
            spark.sql(f"create or replace view {_SCHEMA}.{name} as {sql}")
    found_rows = spark.sql(f"select {_ROWS} from {_SCHEMA}.rejected_rows").collect()
    found_values = spark.sql(f"select {_VALUES} from ({spark_models['rejected_values']})").collect()
    assert len(rows) > 5
    assert sorted(map(tuple, found_rows), key=str) == sorted(rows, key=str)
    assert sorted(map(tuple, found_values), key=str) == sorted(values, key=str)
