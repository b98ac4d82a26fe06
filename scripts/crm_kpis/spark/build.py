"""Runs `dbt build` on Spark, between what DuckDB does before and after it."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.errors import InputError
from crm_kpis.published.connect import OFFLINE
from crm_kpis.published.measure_hashes import find_measure_models
from crm_kpis.published.write import KEEP_VARIABLE, TAG, ClusterTable, read_published_tables
from crm_kpis.raw.raw_directory import RawDirectory
from crm_kpis.settings.declaration import Settings
from crm_kpis.settings.own_columns import describe_settings
from crm_kpis.spark.inputs import register_inputs
from crm_kpis.spark.outputs import describe_outputs, register_outputs
from crm_kpis.spark.session import spark_session, suits_small_data

TARGET = "spark"
_DIRECTORY = "spark"
# Where Spark's own tables are, in the output directory.
TABLES = f"{_DIRECTORY}/tables"
# As in profiles.yml.
_SCHEMA, _SCHEMA_VARIABLE = "crm_kpis", "CRM_KPIS_SPARK_SCHEMA"
# The macro read_at_once reads it.
AT_ONCE_VARIABLE = "CRM_KPIS_SPARK_AT_ONCE"
_FACT = "fct_"
# The gate reads what was staged and refused.
_READ_FOLDERS = ("staging", "rejections")


def settings_variable(settings: Settings) -> dict[str, str]:
    """The environment variable by which the macro setting() knows the settings without DuckDB's plugin."""
    return {"CRM_KPIS_SETTING_VALUES": json.dumps(describe_settings(settings), default=str)}


def build_tables(
    warehouse: Path, manifest: Path, raw_directory: RawDirectory, run: Callable[[dict[str, str]], Any]
) -> tuple[Any, tuple[ClusterTable, ...]]:
    """Let Spark know the inputs, build, and let DuckDB know the outputs.

    Args:
        warehouse: The DuckDB file, in which the inputs are registered and nothing is built.
        manifest: The manifest.json that dbt-duckdb wrote meanwhile.
        raw_directory: The raw files.
        run: Builds by dbt-spark under these further environment variables, and returns dbt's outcome.

    Returns:
        What `run` has returned, and the facts that stay on the cluster.

    Raises:
        InputError: Spark can't be started, its tables can't be read here, or CRM_KPIS_SPARK_KEEP names what
            is no fact.
    """
    directory = warehouse.parent / _DIRECTORY
    kept = find_kept(os.environ.get(KEEP_VARIABLE, ""), [t.name for t in read_published_tables(manifest)])
    # A catalog in memory forgets its tables, whose files would be in the way of the new ones.
    shutil.rmtree(directory, ignore_errors=True)
    project = json.loads(manifest.read_text(encoding="utf-8"))
    sources, measures = list(project["sources"].values()), find_measure_models(project["nodes"])
    schema = os.environ.get(_SCHEMA_VARIABLE, _SCHEMA)
    with spark_session(warehouse.parent / TABLES) as session:
        with duckdb.connect(warehouse, read_only=True, config=OFFLINE) as connection:
            connection.execute("set TimeZone = 'UTC'")
            statements = register_inputs(connection, raw_directory, sources, directory / "inputs", schema)
        for statement in statements:
            session.sql(statement)
        outcome = run({AT_ONCE_VARIABLE: "1"} if suits_small_data(session) else {})
        nodes = [
            result.node
            for result in outcome.result.results
            if result.status == "success" and result.node.resource_type in ("model", "seed")
        ]
        tables = {node.alias: f"`{node.schema}`.`{node.alias}`" for node in nodes}
        optional = frozenset(node.alias for node in nodes if not is_read(node, measures))
        stay = {name: relation for name, relation in tables.items() if name in kept}
        here = {name: relation for name, relation in tables.items() if name not in kept}
        register_outputs(warehouse, session, here, directory / "published", optional)
        return outcome, describe_outputs(session, stay)


def is_read(node: Any, measures: list[str]) -> bool:
    """Whether publishing or the gate reads the rows of a model or a seed.

    Args:
        node: A node of dbt's.
        measures: The unique ids of the models that compute measures.
    """
    is_of_gate = any(folder in node.fqn for folder in _READ_FOLDERS)
    return TAG in node.tags or is_of_gate or node.unique_id in measures


def find_kept(wanted: str, published: list[str]) -> frozenset[str]:
    """The facts that stay on the cluster.

    Args:
        wanted: Names or patterns of facts, with blanks between them.
        published: All tables that are published.

    Raises:
        InputError: A name or a pattern is that of no published fact.
    """
    facts = [name for name in published if name.startswith(_FACT)]
    for pattern in wanted.split():
        if not fnmatch.filter(facts, pattern):
            raise InputError(
                f"{KEEP_VARIABLE} has {pattern!r}, which is no published fact. Name some of"
                f" {', '.join(facts)}, or {_FACT}* for all."
            )
    return frozenset(name for pattern in wanted.split() for name in fnmatch.filter(facts, pattern))
