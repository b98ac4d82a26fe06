"""What runs every night: the commands of the workflow, two days running, and how fresh the sources are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
from crm_kpis.init.write import init_project
from crm_kpis.project import PROJECT_DIR
from crm_kpis.yaml_files import parse_yaml
from pipeline import VALUES_ALONE, Build, dbt_source_freshness, read_csv, write_command, write_csv
from receivers import webhook

_WORKFLOW = PROJECT_DIR / ".github" / "workflows" / "refresh.yml"


def steps() -> list[dict]:
    return parse_yaml(_WORKFLOW.read_text(encoding="utf-8"))["jobs"]["refresh"]["steps"]


def run_steps(runner: Path, raw_dir: Path, today: str, hook: str) -> tuple[int, str]:
    """Run the commands of the workflow as a runner does, but the setup, up to the first that fails."""
    environment = os.environ | {
        "RAW_DIR": str(raw_dir),
        "CRM_KPIS_TODAY": today,
        "CRM_KPIS_NOTIFY": hook,
        "DEAD_MANS_SWITCH_URL": "",
        "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
    }
    output, failed = "", 0
    for step in steps():
        command = step.get("run")
        if command is None or command == "make setup" or (failed and step.get("if") != "always()"):
            continue
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
        done = subprocess.run(shell, cwd=runner, env=environment, capture_output=True, text=True, check=False)
        output += done.stdout + done.stderr
        failed = failed or done.returncode
    return failed, output


def restored(runner: Path, next_runner: Path) -> None:
    """What the cache brings from one runner to the next."""
    (cache,) = [step for step in steps() if step.get("uses", "").startswith("actions/cache/restore@")]
    for name in cache["with"]["path"].split():
        source, target = runner / name, next_runner / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy2(source, target)


@pytest.fixture
def runners(tmp_path: Path, sample_build: Build) -> list[Path]:
    """Fresh directories in which the commands find the package, which builds without dbt."""
    directories = [tmp_path / f"runner{number}" for number in (1, 2, 3)]
    for directory in directories:
        command = directory / ".venv" / "bin" / "crm-kpis"
        command.parent.mkdir(parents=True)
        write_command(sample_build, command, VALUES_ALONE)
    return directories


@pytest.mark.slow
def test_days_of_the_workflow_on_fresh_runners(runners: list[Path], small_dir: Path) -> None:
    first, second, third = runners
    with webhook() as (hook, posts):
        status, output = run_steps(first, small_dir, "2026-07-01", hook)
        assert status == 0, output
        assert posts == []
        restored(first, second)
        assert not (second / "output" / "warehouse.duckdb").exists()
        deals = read_csv(small_dir / "deals.csv")
        write_csv(small_dir / "deals.csv", deals.header, list(deals.rows.values())[:-1])
        status, output = run_steps(second, small_dir, "2026-07-02", hook)
        assert status == 0, output
        with duckdb.connect(second / "output" / "kpis.duckdb", read_only=True) as connection:
            days = connection.execute("select count(*) from marts.runs").fetchall()
        assert days == [(2,)]
        assert {path.name for path in (second / "output" / "snapshots").iterdir() if path.is_dir()} >= {
            f"{day}"
            for day in {path.name for path in (first / "output" / "snapshots").iterdir() if path.is_dir()}
        }
        assert len(list((second / "output" / "earlier").glob("kpis-*.duckdb"))) == 1
        # The third day brings half of the deals: it fails, tells so, and leaves what is published.
        restored(second, third)
        before = (third / "output" / "kpis.duckdb").read_bytes()
        write_csv(small_dir / "deals.csv", deals.header, list(deals.rows.values())[::2])
        status, output = run_steps(third, small_dir, "2026-07-03", hook)
        assert status == 1, output
        assert "Stopped: rows_fewer of deals" in (third / "summary.md").read_text(encoding="utf-8")
        assert (third / "output" / "kpis.duckdb").read_bytes() == before
        assert [post["title"] for post in posts] == ["CRM KPIs: nothing published"]
        assert re.search(r"\w+\.deal_id: \d+ of \d+ match nothing in deals", posts[0]["message"])


def test_workflows_pin_actions(tmp_path: Path):
    """Those of this repository, and the one that a company gets."""
    acme = init_project(tmp_path / "acme", sources=["hubspot"])
    paths = [*_WORKFLOW.parent.glob("*.yml"), *(acme / ".github" / "workflows").glob("*.yml")]
    assert {path.name for path in paths} == {"refresh.yml", "test.yml", "kpis.yml"}
    for path in paths:
        used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
        assert used
        assert all(re.fullmatch(r"actions/[\w/-]+@[0-9a-f]{40} # v[\d.]+", action) for action in used), used


def test_what_the_gate_compares_with_stays_between_runners(tmp_path: Path):
    acme = init_project(tmp_path / "acme")
    nightly = parse_yaml((acme / ".github" / "workflows" / "kpis.yml").read_text(encoding="utf-8"))
    for listed in (steps(), nightly["jobs"]["kpis"]["steps"]):
        cached = [step["with"]["path"] for step in listed if "actions/cache" in step.get("uses", "")]
        kept = {"output/kpis.duckdb", "output/earlier", "output/snapshots"}
        assert cached
        assert all(kept <= set(paths.split()) for paths in cached)
        (run,) = [step["run"] for step in listed if "crm-kpis run" in step.get("run", "")]
        assert "--replace" in run


def test_the_workflow_keeps_the_warehouse():
    (upload,) = [step for step in steps() if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert "warehouse" not in json.dumps(upload)


def test_source_freshness_says_when_each_file_was_written(sample_build: Build, tmp_path: Path) -> None:
    shutil.copy2(sample_build.warehouse, tmp_path / "warehouse.duckdb")
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("update raw._files set loaded_at = cast(now() as timestamp)")
        for table, days in (("users", 3), ("deals", 8)):
            connection.execute(
                "update raw._files set loaded_at = loaded_at - to_days(?) where table_name = ?", [days, table]
            )
        connection.execute("delete from raw._files where table_name = 'leads'")
    done, found = dbt_source_freshness(tmp_path)
    assert done.status == 1, done.all_output
    assert {name: status for name, status in found.items() if status != "pass"} == {
        "raw.users": "warn",
        "raw.deals": "error",
    }
    # Without a file it is as old as the newest one.
    assert found["raw.leads"] == "pass"
