"""What is measured, each in a process of its own: `python -m crm_kpis_bench.steps STEP PATH ...`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
from crm_kpis.published.connect import OFFLINE
from crm_kpis.published.write import TAG, Run, publish
from crm_kpis.raw.contract import PROJECT_DIR, read_contract
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.run import build
from crm_kpis.settings.read import read_settings
from crm_kpis.settings.register import register_settings
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.sources.mapping import SourceMapping
from crm_kpis.sources.source import opened_sources
from crm_kpis.sources.source import read_settings as read_sources
from crm_kpis.sql import quote_text

# The last day of the synthetic company.
AS_OF = date(2026, 6, 30)
_LAYERS = (
    *("seeds", "staging", "calendar", "dimensions", "rejections", "facts", "intermediate", "measures"),
    *("kpis", "comparisons", "evaluation", "next_steps", "tests"),
)
_NEXT_STEPS = "next_steps"
_SETTINGS = OFFLINE | {"threads": 2}


def read_all(raw_dir: Path) -> None:
    """Read every column of the contract once: what any computation over the files costs at least."""
    with duckdb.connect(config=_SETTINGS) as connection:
        for table in read_contract():
            # Without a hash of the values DuckDB would answer from the statistics of the file.
            hashes = ", ".join(f"bit_xor(hash({column.name}))" for column in table.columns)
            path = quote_text(str(raw_dir / f"{table.name}.parquet"))
            connection.execute(f"select {hashes} from {path}").fetchall()


def copy_all(raw_dir: Path, copy: Path) -> None:
    """Write every table into a DuckDB file as it is: what keeping the rows costs at least."""
    copy.unlink(missing_ok=True)
    with duckdb.connect(copy, config=_SETTINGS) as connection:
        for table in read_contract():
            path = quote_text(str(raw_dir / f"{table.name}.parquet"))
            connection.execute(f"create table {table.name} as from {path}")
    copy.unlink()


def copy_landed(landed: Path, copy: Path) -> None:
    """Write every landed table into a DuckDB file as it is: what a mapping costs at least."""
    copy.unlink(missing_ok=True)
    with duckdb.connect(copy, config=_SETTINGS) as connection:
        for path in sorted(landed.glob("*.parquet")):
            connection.execute(f"create table {path.stem} as from {quote_text(str(path))}")
    copy.unlink()


def map_landed(landed: Path, mapped: Path) -> None:
    """Map the landed tables of HubSpot to raw tables in a DuckDB file."""
    mapped.unlink(missing_ok=True)
    settings = read_sources(
        {"sources": [{"vendor": "hubspot", "landed": str(landed)}]}, landed, "the benchmark"
    )
    with duckdb.connect(mapped, config=_SETTINGS) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema raw")
        with opened_sources(connection, settings) as sources:
            connection.execute("begin")
            SourceMapping(sources, settings).fill(connection)
            connection.execute("commit")
    mapped.unlink()


def compute_by_sql(raw_dir: Path, result: Path) -> None:
    """Compute the KPIs of kpis.sql by DuckDB."""
    with duckdb.connect(config=_SETTINGS) as connection:
        connection.execute(f"copy ({kpi_query(raw_dir)}) to {quote_text(str(result))} (format parquet)")


def compute_by_polars(raw_dir: Path, result: Path) -> None:
    """Compute the same KPIs by polars."""
    from crm_kpis_bench.polars_kpis import compute  # noqa: PLC0415 - the other steps do without polars

    compute(raw_dir, AS_OF).write_parquet(result)


def compute_layers(raw_dir: Path, run: Path, result: Path) -> None:
    """Build the models and run the tests of a finished run once more, without dbt, one after another.

    Args:
        raw_dir: The raw directory of the run.
        run: Its output directory.
        result: Where the layers, with their nodes and their seconds of CPU, are written as JSON.
    """
    nodes = _read_nodes(run)
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    order = TopologicalSorter({key: node["depends_on"]["nodes"] for key, node in models.items()})
    next_steps = _find_next_steps(models)
    counts: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    warehouse = result.with_suffix(".duckdb")
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(config=_SETTINGS) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach {quote_text(str(warehouse))} as warehouse")
        connection.execute(f"attach {quote_text(str(run / build.WAREHOUSE))} as built (read_only)")
        connection.execute("use warehouse")
        if os.environ.get("CRM_KPIS_MEMORY_LIMIT"):
            connection.execute(f"set memory_limit = {quote_text(os.environ['CRM_KPIS_MEMORY_LIMIT'])}")

        def execute(layer: str, statement: str) -> None:
            before = time.process_time()
            connection.execute(statement).fetchall()
            counts[layer] += 1
            seconds[layer] += time.process_time() - before

        register(connection, inspect(raw_dir))
        register_settings(connection, read_settings(None))
        register_snapshots(connection, run / "no snapshots")
        for node in nodes.values():
            if node["resource_type"] == "seed":
                execute("seeds", f"create table {node['relation_name']} as from built.main.{node['alias']}")
        for model in (models[key] for key in order.static_order() if key in models):
            kind = "view" if model["config"]["materialized"] == "view" else "table"
            statement = f"create {kind} {model['relation_name']} as {model['compiled_code']}"
            layer = _NEXT_STEPS if model["name"] in next_steps else model["fqn"][1]
            execute(layer, statement)
        for node in nodes.values():
            if node["resource_type"] == "test" and node.get("compiled_code"):
                execute("tests", f"select count(*) from ({node['compiled_code']})")
    warehouse.unlink()
    layers = {layer: {"nodes": counts[layer], "cpu_s": round(seconds[layer], 2)} for layer in _LAYERS}
    result.write_text(json.dumps(layers), encoding="utf-8")


def publish_again(run: Path, output: Path) -> None:
    """Publish what a finished run has built to another directory."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    record = Run("bench", datetime(2026, 7, 1), AS_OF, "", "", 0, 0, 0, 0, 0, None, None)
    publish(run / build.WAREHOUSE, run / "dbt_target" / "manifest.json", output, [record])


def make_empty_project(run: Path, project: Path, raw_dir: Path) -> None:
    """Make a project of as many models, seeds and tests as a run had, none of which does anything.

    Args:
        run: The output directory of the run.
        project: Where; it is made, with the settings and macros of this one.
        raw_dir: A raw directory of one row, made as well.
    """
    shutil.rmtree(project, ignore_errors=True)
    built = Counter(
        node["resource_type"]
        for node in _read_nodes(run).values()
        if node["resource_type"] == "seed" or node.get("compiled_code")
    )
    kinds = {
        "model": ("models/model_{}.sql", "select 1 as number"),
        "seed": ("seeds/seed_{}.csv", "number\n1\n"),
        "test": ("tests/test_{}.sql", "select 1 as number where false"),
    }
    for kind, (path, text) in kinds.items():
        for number in range(built[kind]):
            file = project / path.format(number)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for name in ("dbt_project.yml", "profiles.yml", "macros"):
        (project / name).symlink_to(PROJECT_DIR / name)
    raw_dir.mkdir(exist_ok=True)
    (raw_dir / "users.csv").write_text("user_id\nu1\n", encoding="utf-8")


def build_project(project: Path, raw_dir: Path, output: Path) -> None:
    """Build another project than this one as `crm-kpis run` does."""
    build.PROJECT_DIR = project
    output.mkdir(exist_ok=True)
    build.build(build.BuildOptions(raw_dir, output, None, project_dir=project))


def kpi_query(raw_dir: Path) -> str:
    """The query of kpis.sql on a raw directory."""
    sql = Path(__file__).with_name("kpis.sql").read_text(encoding="utf-8")
    return sql.replace("{raw}", str(raw_dir).replace("'", "''")).replace("{as_of}", AS_OF.isoformat())


def differing_values(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    """Count the KPI values that only one of two relations has, or that differ by more than a billionth."""
    key = "kpi_id, period_grain, period_start, segment_by, segment"
    return connection.execute(
        f"""
        select count(*)
        from {one} as one
        full outer join {other} as other using ({key})
        where (one.kpi_value is null) <> (other.kpi_value is null)
            or abs(one.kpi_value - other.kpi_value) > 1e-9 * abs(one.kpi_value)
        """
    ).fetchall()[0][0]


def same_kpis(kpi_values: str, computed: str) -> str:
    """The query of the project's values of the KPIs, grains and segment dimensions that another way computed.

    The project has rows, too, where nothing happened.
    """
    return f"""
        select kpi_id, period_grain, period_start, segment_by, segment, kpi_value
        from {kpi_values}
        where coalesce(denominator, numerator) <> 0
            and (kpi_id, period_grain, segment_by) in (
                select (kpi_id, period_grain, segment_by) from {computed}
            )
    """


def known_values(computed: str, kpi_values: str) -> str:
    """The query of what another way computed, but for what the project does not know: coverage none.

    The other ways do not ask when a table begins and ends.
    """
    return f"""
        select computed.*
        from {computed} as computed
        anti join (select * from {kpi_values} where coverage = 'none') as unknown
            using (kpi_id, period_grain, period_start, segment_by, segment)
    """


def _find_next_steps(models: dict[str, Any]) -> set[str]:
    """The names of the models of next steps, and of those that nothing else needs."""
    readers: defaultdict[str, set[str]] = defaultdict(set)
    for key, model in models.items():
        for read in model["depends_on"]["nodes"]:
            readers[read].add(key)
    found = {key for key, model in models.items() if model["fqn"][1] == _NEXT_STEPS}
    while alone := {
        key
        for key, model in models.items()
        if key not in found and TAG not in model["tags"] and readers[key] and readers[key] <= found
    }:
        found |= alone
    return {models[key]["name"] for key in found}


def _read_nodes(run: Path) -> dict[str, Any]:
    return json.loads((run / "dbt_target" / "manifest.json").read_text(encoding="utf-8"))["nodes"]


STEPS: dict[str, Callable[..., None]] = {
    "read": read_all,
    "copy": copy_all,
    "copy_landed": copy_landed,
    "map_landed": map_landed,
    "sql": compute_by_sql,
    "polars": compute_by_polars,
    "layers": compute_layers,
    "publish": publish_again,
    "make_empty": make_empty_project,
    "empty": build_project,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](*map(Path, sys.argv[2:]))
