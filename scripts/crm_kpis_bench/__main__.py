"""`make bench`: what a full run costs, against reading the files once and against the same KPIs by hand.

Everything is measured in one go on the same synthetic company, each step in a process of its own, so that
ratios hold where the machine is slow. Times are seconds of CPU (user and system) and of the clock; memory is
the most that the process held.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
from crm_kpis.contract import PROJECT_DIR
from crm_kpis.raw_directory import quote_text

from crm_kpis_bench.steps import differing_values, same_kpis

# About 27 raw rows for each deal.
DEALS = {"1m": 40_000, "10m": 400_000, "100m": 3_700_000}
PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "polars")
LAYERS = ("staging", "periods", "dimensions", "facts", "intermediate", "measures", "marts", "evaluation")


@dataclass(frozen=True)
class Cost:
    """What a process cost.

    Attributes:
        cpu_s: Seconds of CPU, user and system.
        wall_s: Seconds by the clock.
        memory_gb: The most memory that it held, in 10^9 bytes.
    """

    cpu_s: float
    wall_s: float
    memory_gb: float


def measure(command: list[str], **environment: str) -> Cost:
    """Run a command to its end and account for it.

    Raises:
        RuntimeError: The command failed; the message is the end of what it printed.
    """
    started = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - the commands are those of this module
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    printed = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{printed.decode()[-2000:]}")
    # Linux counts memory in kibibytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        cpu_s=round(usage.ru_utime + usage.ru_stime, 2),
        wall_s=round(time.monotonic() - started, 2),
        memory_gb=round(usage.ru_maxrss * unit / 1e9, 2),
    )


def bench(size: str, directory: Path, runs: int, memory_limit: str | None) -> dict:
    """Measure everything once, the short steps several times, of which the median by CPU counts.

    Args:
        size: A key of DEALS.
        directory: For the raw files, which are kept for the next time, and all results.
        runs: How often the short steps are measured.
        memory_limit: What DuckDB may hold in a run, such as 4GiB; None for DuckDB's default.

    Returns:
        What goes into the JSON file.
    """
    raw_dir, output = directory / f"raw-{size}", directory / f"run-{size}"
    steps = {}
    if not (raw_dir / "deals.parquet").exists():
        command = [*_cli("generate"), "--deals", str(DEALS[size]), "--output", str(raw_dir)]
        steps["generate"] = measure(command)
    for name in ("read", "sql", "polars"):
        result = directory / f"{name}-{size}.parquet"
        command = [sys.executable, "-m", "crm_kpis_bench.steps", name, str(raw_dir), str(result)]
        costs = sorted((measure(command) for _ in range(runs)), key=lambda cost: cost.cpu_s)
        steps[name] = costs[len(costs) // 2]
    limit = {"CRM_KPIS_MEMORY_LIMIT": memory_limit} if memory_limit else {}
    command = [*_cli("run"), "--raw-dir", str(raw_dir), "--output", str(output)]
    steps["run"] = measure(command, **limit)
    return {
        "size": size,
        "raw_rows": _count_rows(raw_dir),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "memory_limit": memory_limit,
        "steps": {name: asdict(cost) for name, cost in steps.items()},
        "layers": _layers(output),
        "differences": _count_differences(directory, size, output),
    }


def to_markdown(result: dict) -> str:
    """The result as tables."""
    floor = result["steps"]["read"]["cpu_s"]
    names = {
        "generate": "generate the files",
        "read": "read every column once (the floor)",
        "sql": "8 KPIs in hand-written DuckDB SQL",
        "polars": "the same 8 KPIs in polars",
        "run": "`crm-kpis run`: all KPIs, tests, published marts, report",
    }
    lines = [
        f"{result['raw_rows']:,} raw rows; {result['machine']}; "
        + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        + f"; memory limit {result['memory_limit'] or 'none'}.",
        "",
        "| step | CPU s | clock s | memory GB | CPU, floor = 1 |",
        "|---|---|---|---|---|",
    ]
    for name, cost in result["steps"].items():
        cells = [
            names[name],
            cost["cpu_s"],
            cost["wall_s"],
            cost["memory_gb"],
            f"{cost['cpu_s'] / floor:.1f}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "| layer of the run | nodes | s, summed over nodes |", "|---|---|---|"]
    lines += [
        f"| {name} | {layer['nodes']} | {layer['seconds']:.1f} |" for name, layer in result["layers"].items()
    ]
    differing = ", ".join(f"{name} {count}" for name, count in result["differences"].items())
    return "\n".join(
        [*lines, "", f"Values that differ from the project's by more than 1e-9: {differing}.", ""]
    )


def _cli(command: str) -> list[str]:
    return [sys.executable, "-m", "crm_kpis.cli", command]


def _count_rows(raw_dir: Path) -> int:
    files = quote_text(str(raw_dir / "*.parquet"))
    with duckdb.connect() as connection:
        return connection.execute(
            f"select cast(sum(num_rows) as bigint) from parquet_file_metadata({files})"
        ).fetchall()[0][0]


def _layers(output: Path) -> dict[str, dict[str, float]]:
    """Nodes and seconds by folder of models; two nodes run at a time, so the sum is up to twice the clock."""
    results = json.loads((output / "dbt_target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    nodes = json.loads((output / "dbt_target" / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    layers: dict[str, dict[str, float]] = {}
    for result in results:
        node = nodes.get(result["unique_id"], {})
        kind = node.get("resource_type", "other")
        layer = layers.setdefault(
            node["fqn"][1] if kind == "model" else f"{kind}s", {"nodes": 0, "seconds": 0.0}
        )
        layer["nodes"] += 1
        layer["seconds"] = round(layer["seconds"] + result["execution_time"], 2)
    order = [*LAYERS, *sorted(set(layers) - set(LAYERS))]
    return {name: layers[name] for name in order if name in layers}


def _count_differences(directory: Path, size: str, output: Path) -> dict[str, int]:
    with duckdb.connect(output / "warehouse.duckdb", read_only=True) as connection:
        counts = {}
        for name in ("sql", "polars"):
            computed = quote_text(str(directory / f"{name}-{size}.parquet"))
            counts[name] = differing_values(
                connection, f"({same_kpis('kpi_values', computed)})", f"(from {computed})"
            )
    return counts


def main() -> int:
    """Measure, print the tables and write them beside the raw files."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", choices=DEALS, default="1m", help="raw rows (default: %(default)s)")
    parser.add_argument("--directory", type=Path, default=PROJECT_DIR / "output" / "bench")
    parser.add_argument("--runs", type=int, default=3, help="of the short steps (default: %(default)s)")
    parser.add_argument("--memory-limit", help="what DuckDB may hold in the run, such as 4GiB")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    result = bench(options.size, options.directory.resolve(), options.runs, options.memory_limit)
    markdown = to_markdown(result)
    path = options.directory / f"bench-{options.size}"
    path.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown, encoding="utf-8")
    print(markdown)
    return 1 if any(result["differences"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
