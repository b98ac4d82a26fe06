"""How each measure is computed, as a hash of its SQL: a changed formula is no change of the business.

The hash of a measure covers, as dbt compiled them, the model that computes it and all models that this reads,
with the vars and macros in them, and the seeds that are settings (those with the meta `defines_measures`). It
does not cover staging, which decides what a valid row is and counts the others as rejected; nor the periods,
whose days stand beside each value. Comments and blanks do not count. A model computes several measures, and
one that reads a changed model counts as changed, so that another hash means that a value may be another.
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
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def hash_measures(connection: duckdb.DuckDBPyConnection, manifest: Path) -> list[tuple[str, str]]:
    """Hash the SQL of each measure that has a value.

    Args:
        connection: A connection to which the warehouse is attached as `warehouse`.
        manifest: The manifest.json of its build.

    Returns:
        Measures and their hashes, in the order of their names.
    """
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    hashes = {}
    for unique_id in _find_models(nodes):
        schema, name = (quote_identifier(nodes[unique_id][part]) for part in ("schema", "alias"))
        relation = f"warehouse.{schema}.{name}"
        digest = hash_sql(nodes, unique_id)
        for (measure,) in connection.execute(f"select distinct measure from {relation}").fetchall():
            hashes[measure] = digest
    return sorted(hashes.items())


def hash_sql(nodes: dict[str, Any], unique_id: str) -> str:
    """Hash a model with all that it reads, as far as the hash of a measure covers it.

    Args:
        nodes: The nodes of dbt's manifest.
        unique_id: The model's.
    """
    found: dict[str, str] = {}
    seen, to_see = set(), [unique_id]
    while to_see:
        node = nodes.get(to_see.pop())
        if node is None or node["unique_id"] in seen:  # None: a source, the raw data
            continue
        seen.add(node["unique_id"])
        to_see += node["depends_on"].get("nodes", [])
        if node["resource_type"] == "seed":
            if node["config"]["meta"].get("defines_measures"):
                found[node["name"]] = node["checksum"]["checksum"]
        elif _layer(node) not in _NOT_COVERED:
            found[node["name"]] = hashlib.sha256(_normalize(node["compiled_code"]).encode()).hexdigest()
    return hash_json(found)


def _find_models(nodes: dict[str, Any]) -> list[str]:
    """The models that compute measures."""
    return [
        unique_id
        for node in nodes.values()
        if node["resource_type"] == "model" and node["alias"] == _UNION
        for unique_id in node["depends_on"]["nodes"]
    ]


def _layer(node: dict[str, Any]) -> str | None:
    """The folder of a model below models/."""
    return node["fqn"][1] if node["resource_type"] == "model" else None


def _normalize(sql: str) -> str:
    return " ".join(_COMMENT.sub("", sql).split())
