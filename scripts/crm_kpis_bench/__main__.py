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
import shlex
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import duckdb
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.run.build import WAREHOUSE
from crm_kpis.sql import quote_text

from crm_kpis_bench.steps import differing_values, known_values, same_kpis

# About 27 raw rows for each deal. The sample has as many deals as the shipped one.
DEALS = {"sample": 600, "1m": 40_000, "10m": 400_000, "100m": 3_700_000}
PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "polars")


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


@dataclass(frozen=True)
class Step:
    """What is measured.

    Attributes:
        name: Its key in the results.
        title: What it does, for the tables.
        command: What is run.
        runs: How often: of the costs the median by CPU counts.
    """

    name: str
    title: str
    command: list[str]
    runs: int


def plan(size: str, directory: Path, runs: int, runs_of_run: int) -> list[Step]:
    """What is measured, in this order.

    Args:
        size: A key of DEALS.
        directory: For the raw files and all results.
        runs: How often the short steps are measured.
        runs_of_run: How often the full run is.
    """
    raw, landed, output, empty = (directory / f"{name}-{size}" for name in ("raw", "landed", "run", "empty"))
    results = {name: directory / f"{name}-{size}.parquet" for name in ("sql", "polars")}
    run_again = [*_cli("run"), "--raw-dir", raw, "--output", output]
    # No part of the run's own output, where the next run would read it.
    snapshots = directory / f"snapshots-{size}"
    take_it = [*_cli("snapshot"), "bench", "--replace", "--output", output, "--snapshots", snapshots]
    build_empty = [*_step("empty"), empty / "project", empty / "raw", empty / "output"]
    plans = [
        ("generate", "generate the files", [*_cli("generate"), "--deals", DEALS[size], "--output", raw], 1),
        ("read", "read every column once (the floor)", [*_step("read"), raw], runs),
        (
            "copy",
            "write every column into tables of a DuckDB file",
            [*_step("copy"), raw, directory / f"copy-{size}.duckdb"],
            runs,
        ),
        (
            "land",
            "generate the same company as Fivetran lands it from HubSpot",
            [*_cli("generate"), "--as", "hubspot/fivetran", "--deals", DEALS[size], "--output", landed],
            1,
        ),
        (
            "copy_landed",
            "write every column that is landed into tables of a DuckDB file",
            [*_step("copy_landed"), landed, directory / f"landed-{size}.duckdb"],
            runs,
        ),
        (
            "map_landed",
            "map what is landed to raw tables in a DuckDB file",
            [*_step("map_landed"), landed, directory / f"mapped-{size}.duckdb"],
            runs,
        ),
        ("sql", "8 KPIs in hand-written DuckDB SQL", [*_step("sql"), raw, results["sql"]], runs),
        ("polars", "the same 8 KPIs in polars", [*_step("polars"), raw, results["polars"]], runs),
        (
            "run",
            "`crm-kpis run`: all KPIs, tests, published marts, report",
            [*run_again, "--full-refresh"],
            runs_of_run,
        ),
        ("run_again", "`crm-kpis run` where nothing has changed", run_again, runs),
        ("make_empty", "", [*_step("make_empty"), output, empty / "project", empty / "raw"], 1),
        ("parse_empty", "", build_empty, 1),
        ("empty", "an empty project of as many nodes, parsed before", build_empty, runs),
        (
            "layers",
            "the SQL of models and tests alone",
            [*_step("layers"), raw, output, _layers(directory, size)],
            1,
        ),
        ("publish", "publish", [*_step("publish"), output, directory / f"published-{size}"], runs),
        ("snapshot", "snapshot", take_it, runs),
        ("report", "report", [*_cli("report"), "--output", output], runs),
    ]
    return [
        Step(name, title, [str(part) for part in command], times)
        for name, title, command, times in plans
        if not (name == "generate" and (raw / "deals.parquet").exists())
        and not (name == "land" and (landed / "deal.parquet").exists())
    ]


def bench(size: str, directory: Path, runs: int, runs_of_run: int, memory_limit: str | None) -> dict:
    """Measure every step.

    Args:
        size: A key of DEALS.
        directory: For the raw files, which are kept for the next time, and all results.
        runs: How often the short steps are measured.
        runs_of_run: How often the full run is.
        memory_limit: What DuckDB may hold in a run, such as 4GiB; None for DuckDB's default.

    Returns:
        What goes into the JSON file.
    """
    limit = {"CRM_KPIS_MEMORY_LIMIT": memory_limit} if memory_limit else {}
    steps = {}
    for step in plan(size, directory, runs, runs_of_run):
        costs = sorted(
            (measure(step.command, **limit) for _ in range(step.runs)), key=lambda cost: cost.cpu_s
        )
        if step.title:
            cost = costs[len(costs) // 2]
            # At a hundred million rows all of it takes most of an hour.
            print(f"{step.title}: {cost}", file=sys.stderr, flush=True)
            steps[step.name] = asdict(cost) | {"title": step.title, "runs": step.runs}
    return {
        "size": size,
        "raw_rows": _count_rows(directory / f"raw-{size}"),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "memory_limit": memory_limit,
        "steps": steps,
        "layers": json.loads(_layers(directory, size).read_text(encoding="utf-8")),
        "differences": _count_differences(directory, size),
    }


def to_markdown(result: dict, of_all_sizes: list[dict]) -> str:
    """The results as tables.

    Args:
        result: Of one size.
        of_all_sizes: The results of the sizes that were measured up to now, from the smallest on.
    """
    steps, layers = result["steps"], result["layers"]
    floor = steps["read"]["cpu_s"]
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    rows = [
        [cost["title"], cost["runs"], cost["cpu_s"], cost["wall_s"], cost["memory_gb"], cost["cpu_s"] / floor]
        for cost in steps.values()
    ]
    costs = {
        **{
            cost["title"]: [size["steps"].get(name, {}).get("cpu_s") for size in of_all_sizes]
            for name, cost in steps.items()
        },
        **{name: [size["layers"].get(name, {}).get("cpu_s") for size in of_all_sizes] for name in layers},
    }
    sizes = [f"{size['raw_rows']:,} rows" for size in of_all_sizes]
    differing = ", ".join(f"{name} {count}" for name, count in result["differences"].items())
    return "\n".join(
        [
            f"{result['raw_rows']:,} raw rows; {result['machine']}; {versions}; "
            f"memory limit {result['memory_limit'] or 'none'}; by `{result['command']}`.",
            "",
            *_table(["step", "runs", "CPU s", "clock s", "memory GB", "CPU, floor = 1"], rows),
            "",
            *_table(
                ["layer, its SQL alone", "nodes", "CPU s", "floor = 1"],
                [
                    [name, cost["nodes"], cost["cpu_s"], cost["cpu_s"] / floor]
                    for name, cost in layers.items()
                ],
            ),
            "",
            *_table(
                ["CPU s", *sizes, *(["growth"] * (len(sizes) - 1))],
                [[name, *seconds, *_growth(seconds)] for name, seconds in costs.items()],
            ),
            "",
            f"Values that differ from the project's by more than 1e-9: {differing}.",
            "",
        ]
    )


def _table(header: list[str], rows: list[list]) -> list[str]:
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _growth(seconds: list[float | None]) -> list[float | None]:
    """How many times as much each size costs as the one before."""
    return [after / before if after and before else None for before, after in pairwise(seconds)]


def _step(name: str) -> list[str]:
    return [sys.executable, "-m", "crm_kpis_bench.steps", name]


def _layers(directory: Path, size: str) -> Path:
    return directory / f"layers-{size}.json"


def _cli(command: str) -> list[str]:
    return [sys.executable, "-m", "crm_kpis.cli", command]


def _count_rows(raw_dir: Path) -> int:
    files = quote_text(str(raw_dir / "*.parquet"))
    with duckdb.connect() as connection:
        return connection.execute(
            f"select cast(sum(num_rows) as bigint) from parquet_file_metadata({files})"
        ).fetchall()[0][0]


def _count_differences(directory: Path, size: str) -> dict[str, int]:
    with duckdb.connect(directory / f"run-{size}" / WAREHOUSE, read_only=True) as connection:
        counts = {}
        for name in ("sql", "polars"):
            computed = quote_text(str(directory / f"{name}-{size}.parquet"))
            counts[name] = differing_values(
                connection,
                f"({same_kpis('kpi_values', computed)})",
                f"({known_values(computed, 'kpi_values')})",
            )
    return counts


def _read_results(directory: Path) -> list[dict]:
    """The results of all sizes that were measured, from the smallest on."""
    paths = [directory / f"bench-{size}.json" for size in DEALS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables and write them beside the raw files."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", choices=DEALS, default="1m", help="raw rows (default: %(default)s)")
    parser.add_argument("--directory", type=Path, default=PROJECT_DIR / "output" / "bench")
    parser.add_argument("--runs", type=int, default=3, help="of the short steps (default: %(default)s)")
    parser.add_argument("--runs-of-run", type=int, default=1, help="of the run (default: %(default)s)")
    parser.add_argument("--memory-limit", help="what DuckDB may hold in the run, such as 4GiB")
    options = parser.parse_args(arguments)
    directory = options.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    result = bench(options.size, directory, options.runs, options.runs_of_run, options.memory_limit)
    given = sys.argv[1:] if arguments is None else arguments
    result["command"] = shlex.join(["python", "-m", "crm_kpis_bench", *given])
    path = directory / f"bench-{options.size}"
    path.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    markdown = to_markdown(result, _read_results(directory))
    path.with_suffix(".md").write_text(markdown, encoding="utf-8")
    print(markdown)
    return 1 if any(result["differences"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
