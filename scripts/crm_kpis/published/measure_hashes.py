"""How each measure is computed, as a hash of its SQL: a changed formula is no change of the business.

The hash of a measure covers, as dbt compiled them, the model that computes it and all models that this reads,
with the settings and macros in them, and the rows of the settings tables with the meta `defines_measures`. It
does not cover staging, which decides what a valid row is and counts the others as rejected; nor the periods,
whose days stand beside each value. Comments and blanks do not count, nor do the dimensions of own columns and
which personal columns are published. A model computes several measures, and one that reads a changed model
counts as changed, so that another hash means that a value may be another.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.snapshots.manifest import hash_json
from crm_kpis.sql import quote_identifier

# The model that puts all measures together.
_UNION = "measures"
_NOT_COVERED = {"staging", "calendar"}
# By what else a company splits a measure is no part of its definition, nor whether it publishes names. The
# macros union_own_dimensions and personal_column mark it.
_NO_DEFINITION = re.compile(r"/\* (own dimensions|personal column) \*/.*?/\* end of \1 \*/", re.DOTALL)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def hash_measures(connection: duckdb.DuckDBPyConnection, manifest: Path) -> list[tuple[str, str]]:
    """Hash the SQL of each measure that has a value.

    Args:
        connection: A connection to which the warehouse is attached as `warehouse`.
        manifest: The manifest.json of its build.

    Returns:
        Measures and their hashes, in the order of their names.
    """
    project = json.loads(manifest.read_text(encoding="utf-8"))
    nodes, settings = project["nodes"], hash_settings(connection, project["sources"])
    hashes = {}
    for unique_id in find_measure_models(nodes):
        schema, name = (quote_identifier(nodes[unique_id][part]) for part in ("schema", "alias"))
        relation = f"warehouse.{schema}.{name}"
        digest = hash_sql(nodes, unique_id, settings)
        for (measure,) in connection.execute(f"select distinct measure from {relation}").fetchall():
            hashes[measure] = digest
    return sorted(hashes.items())


def hash_sql(nodes: dict[str, Any], unique_id: str, settings: dict[str, str]) -> str:
    """Hash a model with all that it reads, as far as the hash of a measure covers it.

    Args:
        nodes: The nodes of dbt's manifest.
        unique_id: The model's.
        settings: The hash of each settings table that defines measures, by the unique id of its source.
    """
    found: dict[str, str] = {}
    seen, to_see = set(), [unique_id]
    while to_see:
        unique_id = to_see.pop()
        if unique_id in settings:
            found[unique_id] = settings[unique_id]
        node = nodes.get(unique_id)
        if node is None or node["unique_id"] in seen:  # None: a source
            continue
        seen.add(node["unique_id"])
        to_see += node["depends_on"].get("nodes", [])
        if node["resource_type"] == "model" and _layer(node) not in _NOT_COVERED:
            found[node["name"]] = hashlib.sha256(_normalize(node["compiled_code"]).encode()).hexdigest()
    return hash_json(found)


def hash_settings(connection: duckdb.DuckDBPyConnection, sources: dict[str, Any]) -> dict[str, str]:
    """Hash the rows of each settings table that defines measures.

    Args:
        connection: A connection to which the warehouse is attached as `warehouse`.
        sources: The sources of dbt's manifest.

    Returns:
        The hashes by the unique id of the source.
    """
    hashes = {}
    for unique_id, source in sources.items():
        if source["config"]["meta"].get("defines_measures"):
            schema, name = (quote_identifier(source[part]) for part in ("schema", "identifier"))
            rows = connection.execute(f"from warehouse.{schema}.{name} order by all").fetchall()
            hashes[unique_id] = hash_json(
                [[None if value is None else str(value) for value in row] for row in rows]
            )
    return hashes


def find_measure_models(nodes: dict[str, Any]) -> list[str]:
    """The models that compute measures, whose tables `hash_measures` reads.

    Args:
        nodes: The nodes of dbt's manifest.

    Returns:
        Their unique ids.
    """
    return [
        unique_id
        for node in nodes.values()
        if node["resource_type"] == "model" and node["alias"] == _UNION
        for unique_id in node["depends_on"]["nodes"]
    ]


def _layer(node: dict[str, Any]) -> str:
    """The folder of a model below models/."""
    return node["fqn"][1]


def _normalize(sql: str) -> str:
    return " ".join(_COMMENT.sub("", _NO_DEFINITION.sub("", sql)).split())
