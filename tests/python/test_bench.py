"""The benchmark: what it compares agrees, and it can tell when it does not. No test asks for a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from crm_kpis.cli import cli
from crm_kpis.generate.run import generate
from pipeline import PROJECT_DIR
from sizes import IS_FULL

sys.path.insert(0, str(PROJECT_DIR / "scripts"))

from crm_kpis_bench import shops, steps
from crm_kpis_bench.__main__ import main, measure, plan, to_markdown
from crm_kpis_bench.shops import Shop

DEALS = 1500


@pytest.fixture(scope="module")
def values(tmp_path_factory, compiled):
    """A connection with the KPI values of a synthetic company, each computed in three ways."""
    raw_dir = tmp_path_factory.mktemp("bench") / "raw 'data'"
    generate(raw_dir, deals=DEALS)
    files = {name: raw_dir.parent / f"{name}.parquet" for name in ("sql", "polars")}
    steps.compute_by_sql(raw_dir, files["sql"])
    steps.compute_by_polars(raw_dir, files["polars"])
    with compiled.run(raw_dir, only=compiled.up_to_values) as connection:
        for name, file in files.items():
            connection.execute(f"create table by_{name} as from read_parquet('{file}')")
        yield connection


@pytest.mark.parametrize("way", ["by_sql", "by_polars"])
def test_the_kpis_by_hand_agree_with_the_project(values, way):
    same = f"({steps.same_kpis('main.kpi_values', way)})"

    assert values.execute(f"select count(*) > 500, count(distinct kpi_id) from {way}").fetchall() == [
        (True, 8)
    ]
    known = f"({steps.known_values(way, 'main.kpi_values')})"
    assert values.execute(f"select count(*) > 500 from {known}").fetchall() == [(True,)]
    assert steps.differing_values(values, same, known) == 0


@pytest.mark.parametrize(
    "spoiled",
    [
        "select * replace (kpi_value * (1 + 1e-8) as kpi_value) from by_sql",
        "select * replace (null as kpi_value) from by_sql where kpi_id = 'win_rate'",
        "from by_sql where segment_by = 'all'",
    ],
)
def test_a_difference_is_counted(values, spoiled):
    assert steps.differing_values(values, f"({spoiled})", "by_sql") > 0


@pytest.mark.slow
def test_reading_everything_asks_for_every_column(tmp_path):
    generate(tmp_path, deals=30)
    steps.read_all(tmp_path)

    (tmp_path / "costs.parquet").unlink()
    with pytest.raises(duckdb.IOException, match="costs"):
        steps.read_all(tmp_path)


@pytest.mark.slow
def test_writing_everything_asks_for_every_table_and_leaves_nothing(tmp_path):
    generate(tmp_path / "raw", deals=30)
    steps.copy_all(tmp_path / "raw", tmp_path / "copy.duckdb")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]

    (tmp_path / "raw" / "costs.parquet").unlink()
    with pytest.raises(duckdb.IOException, match="costs"):
        steps.copy_all(tmp_path / "raw", tmp_path / "copy.duckdb")


def test_a_process_is_accounted_for():
    # In a process of its own: Linux counts the memory of the process that starts one, and pytest has much.
    code = (
        "import sys; from crm_kpis_bench.__main__ import measure\n"
        "cost = measure([sys.executable, '-c', 'data = bytearray(50_000_000); sum(range(3_000_000))'])\n"
        "print(cost.cpu_s, cost.wall_s, cost.memory_gb)"
    )
    environment = os.environ | {"PYTHONPATH": str(PROJECT_DIR / "scripts")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    cpu_s, wall_s, memory_gb = map(float, done.stdout.split())
    assert cpu_s > 0
    assert wall_s > 0
    assert 0.05 < memory_gb < 1


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="no such thing"):
        measure([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_every_step_of_the_plan_can_be_run(tmp_path):
    names = set()
    for step in plan("sample", tmp_path, runs=1, runs_of_run=1):
        names.add(step.name)
        module, name = step.command[step.command.index("-m") + 1 :][:2]
        known = {"crm_kpis_bench.steps": steps.STEPS, "crm_kpis.cli": cli.commands}
        assert name in known[module], step
    assert names >= {"generate", "read", "sql", "polars", "run", "run_again", "empty", "layers", "report"}


@pytest.mark.slow
@pytest.mark.skipif(not IS_FULL, reason="takes longer than all else here: make test-all runs it")
def test_the_bench_runs_on_as_many_rows_as_the_sample(tmp_path, compiled, capsys, monkeypatch):
    # As the Makefile does it.
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_DIR / "scripts"))
    assert main(["--size", "sample", "--directory", str(tmp_path), "--runs", "1"]) == 0, capsys.readouterr()

    result = json.loads((tmp_path / "bench-sample.json").read_text(encoding="utf-8"))
    assert result["differences"] == {"sql": 0, "polars": 0}
    assert {"read", "copy", "run", "run_again", "empty", "layers", "publish", "snapshot", "report"} <= set(
        result["steps"]
    )
    models = [model.layer for model in compiled.models.values()]
    expected = Counter(models) | Counter(seeds=len(compiled.seeds), tests=len(compiled.data_tests))
    nodes = Counter({layer: cost["nodes"] for layer, cost in result["layers"].items()})
    # Intermediate models that next steps alone need count among these.
    moved = nodes["next_steps"] - expected["next_steps"]
    assert moved > 0
    assert nodes + Counter(intermediate=moved) == expected + Counter(next_steps=moved)
    for kind, number in (("models", len(models)), ("seeds", nodes["seeds"]), ("tests", nodes["tests"])):
        assert len(list((tmp_path / "empty-sample" / "project" / kind).iterdir())) == number
    assert (tmp_path / "bench-sample.md").read_text(encoding="utf-8") in capsys.readouterr().out


def test_the_tables_show_ratios_to_the_floor_and_between_sizes():
    def result(rows: int, seconds: float) -> dict:
        cost = {"runs": 3, "wall_s": 1.0, "memory_gb": 0.5}
        return {
            "raw_rows": rows,
            "command": "python -m crm_kpis_bench --size 1m",
            "machine": "Linux x86_64, 2 CPUs",
            "versions": {"duckdb": "2.0.0"},
            "memory_limit": None,
            "steps": {
                "read": cost | {"title": "the floor", "cpu_s": 2.0},
                "run": cost | {"title": "the run", "cpu_s": seconds},
            },
            "layers": {"staging": {"nodes": 24, "cpu_s": 3.2}},
            "differences": {"sql": 0, "polars": 0},
        }

    small, large = result(1_089_639, 15.0), result(10_880_000, 60.0)
    large["layers"]["periods"] = {"nodes": 1, "cpu_s": 1.0}
    markdown = to_markdown(large, [small, large])

    assert "10,880,000 raw rows" in markdown
    assert "`python -m crm_kpis_bench --size 1m`" in markdown
    assert "| the floor | 3 | 2.0 | 1.0 | 0.5 | 1.0 |" in markdown
    assert "| the run | 3 | 60.0 | 1.0 | 0.5 | 30.0 |" in markdown
    assert "| staging | 24 | 3.2 | 1.6 |" in markdown
    assert "| CPU s | 1,089,639 rows | 10,880,000 rows | growth |" in markdown
    assert "| the run | 15.0 | 60.0 | 4.0 |" in markdown
    # A layer of today that was not measured at the smaller size.
    assert "| periods | - | 1.0 | - |" in markdown


def test_customers_of_a_made_up_shop_stop_buy_and_keep_to_its_season():
    draws = np.random.default_rng(7)
    assert shops.purchase_days(Shop(lambda _: 1.0, lambda _: 1.0), 5, 1000, draws) == [5]
    steady = shops.purchase_days(Shop(lambda _: 0.1, lambda _: 0.0), 5, 40000, draws)
    assert steady == sorted(steady)
    assert steady[-1] <= 40000
    # 3,999.5 purchases are expected, with a standard deviation of 63.
    assert abs(len(steady) - 4000.5) < 250
    seasonal = shops.purchase_days(Shop(lambda _: 0.1, lambda _: 0.0, 3.0), 0, 40000, draws)
    months = [(date(2023, 1, 1) + timedelta(days=day)).month for day in seasonal]
    # 61 days of a year count three times: 183 / (183 + 304.25).
    assert sum(month >= 11 for month in months) / len(months) == pytest.approx(0.376, abs=0.03)


def test_the_fit_finds_the_parameters_of_a_made_up_shop():
    draws = np.random.default_rng(7)
    shop = Shop(lambda draw: draw.gamma(1.5, 1 / 60), lambda draw: draw.beta(1, 4))
    bought = [shops.purchase_days(shop, 0, 720, draws) for _ in range(8000)]
    x = np.array([len(days) - 1.0 for days in bought])
    t_x, t = np.array([days[-1] for days in bought]), np.full(len(bought), 720.0)
    shape, rate_days, stop_a, stop_b = shops.fit(x, t_x, t)
    assert shape == pytest.approx(1.5, rel=0.1)
    assert rate_days == pytest.approx(60, rel=0.1)
    assert stop_a / (stop_a + stop_b) == pytest.approx(0.2, abs=0.02)
