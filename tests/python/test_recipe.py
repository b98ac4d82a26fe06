"""The README's recipe for a KPI, walked through in a copy of the checkout: what it says is enough."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from crm_kpis.raw.contract import PROJECT_DIR
from pipeline import Build

_LEFT_OUT = (".venv", ".git", ".pytest_cache", "output", "target", "dbt_packages", "logs", "__pycache__")
CATALOGUE = "seeds/kpi_catalogue.csv"
# The lines that a KPI takes, each with the file and the line that it follows.
RECIPE = {
    "models/measures/sales/measures_deals_closed.sql": (
        "    count(*) filter (where is_won) as deals_won\n",
        "    count(*) filter (where is_won and amount < 5000) as small_deals_won\n",
    ),
    CATALOGUE: (
        "",
        "small_deals_won,sales,Small deals won,Kleine Deals,count,up,total,"
        "small_deals_won,,,small_deals_won,1,none,,,"
        "deal closed,proportional,weeks,none,none,,,,"
        "owner|team|pipeline|deal_type|source|industry|country|product,,deals won below 5000,"
        "gewonnene Deals unter 5000,Deals won that are small.,Kleine Deals.,own\n",
    ),
    "models/kpis/_unit_tests.yml": (
        "          - {period_id: 1, segment_by: all, segment: all, measure: deals_won, value: 12}\n",
        "          # Of the 12 deals won 4 are small.\n"
        "          - {period_id: 1, segment_by: all, segment: all, measure: small_deals_won, value: 4}\n",
    ),
    "tests/python/independent.py": (
        '    yield total(s, "deals_won", won, OF_DEALS, pl.len())\n',
        '    yield total(s, "small_deals_won", won.filter(_c("amount") < 5000), OF_DEALS, pl.len())\n',
    ),
}
# The nodes that the lines change, and the marts in which they show.
_CHANGED = ("measures_deals_closed", "kpi_catalogue", "measure_inputs")
_SHOWN = ("kpi_values", "kpi_coverage", "kpis_sales_monthly")
EXPECTED = (
    "        - {kpi_id: deals_won, ",
    "        - {kpi_id: small_deals_won, segment: all, numerator: 4, denominator: null, sample_size: 4,"
    " kpi_value: 4, interval_low: null, interval_high: null}\n",
)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of the checkout, with what dbt has parsed of it: it parses the changed files alone."""
    copy = tmp_path / "checkout"
    shutil.copytree(PROJECT_DIR, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    parsed = PROJECT_DIR / "target" / "crm_kpis" / "partial_parse.msgpack"
    for target in (copy / "target", copy / "target" / "crm_kpis") if parsed.exists() else ():
        target.mkdir()
        shutil.copy(parsed, target)
    return copy


def run(checkout: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the copy."""
    own = ("CRM_", "DBT_", "PYTEST_")
    variables = {
        **{name: text for name, text in os.environ.items() if not name.startswith(own)},
        **variables,
    }
    paths = os.pathsep.join(str(checkout / name) for name in ("scripts", "tests/python"))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env=variables | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def read_files(checkout: Path) -> dict[str, bytes]:
    paths = (path for path in checkout.rglob("*") if path.is_file())
    return {
        str(path.relative_to(checkout)): path.read_bytes()
        for path in paths
        if not set(path.relative_to(checkout).parts) & set(_LEFT_OUT)
    }


def insert(path: Path, after: str, text: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert after in content, path
    path.write_text(content.replace(after, after + text, 1) if after else content + text, encoding="utf-8")


def write_docs(checkout: Path) -> None:
    """What `make kpi-docs` runs, in one process."""
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\nkpi-docs: ")[2].partition("\n\n")[0]
    code = re.findall(r'python -c "(.*)"', recipe)
    assert len(code) == 5
    done = run(checkout, "-c", "\n".join(code))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_recipe_of_the_readme_takes_four_files(checkout, sample_build):
    readme = (PROJECT_DIR / "README.md").read_text(encoding="utf-8").partition("\n## Add a KPI\n")[2]
    steps = re.findall(r"^\d\. .*?\]\((.*?)\)", readme.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    before = read_files(checkout)
    for name, (after, text) in RECIPE.items():
        insert(checkout / name, after, text)
    tests = checkout / "models/kpis/_unit_tests.yml"
    content = tests.read_text(encoding="utf-8")
    tests.write_text(content.replace(EXPECTED[0], EXPECTED[1] + EXPECTED[0], 1), encoding="utf-8")
    by_hand = [name for name, text in read_files(checkout).items() if before.get(name) != text]
    assert len(by_hand) == len(steps) == 4
    for step, name in zip(steps, RECIPE, strict=True):
        assert name.startswith(step), (step, name)

    # A misspelt measure stops dbt build, and a run, before anything is built.
    catalogue = checkout / CATALOGUE
    row = catalogue.read_text(encoding="utf-8")
    catalogue.write_text(row.replace("total,small_deals_won,", "total,smal_deals_won,"), encoding="utf-8")
    line = f"kpi_catalogue.csv, line {len(row.splitlines())}, numerator: "
    for command in (("dbt.cli.main", "build"), ("crm_kpis.cli", "run")):
        done = run(checkout, "-m", *command)
        assert done.returncode == 2, done.stdout
        said = f"{line}no model computes the measure 'smal_deals_won'. Did you mean small_deals_won?"
        assert said in done.stdout + done.stderr
    assert not (checkout / "output" / "warehouse.duckdb").exists()
    catalogue.write_text(row, encoding="utf-8")

    write_docs(checkout)
    generated = {name for name, text in read_files(checkout).items() if before.get(name) != text}
    assert generated - set(by_hand) == {
        "models/kpis/kpis.md",
        "models/kpis/monthly/_monthly.yml",
        "models/kpis/monthly/kpis_sales_monthly.sql",
        "seeds/measure_inputs.csv",
    }
    # What the new lines reach, in the sample's warehouse: all else is as it was. Unit tests are among it.
    output = checkout / "output"
    output.mkdir(exist_ok=True)
    shutil.copy(sample_build.warehouse, output)
    reached = [f"{node}+,+{mart}" for node in _CHANGED for mart in _SHOWN]
    done = run(checkout, "-m", "dbt.cli.main", "build", "--no-use-colors", "--select", *reached)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "PASS kpi_values::kpi_values_of_sales" in done.stdout
    assert "PASS measures_deals_closed::" in done.stdout
    # The tests that the recipe names: of the catalogue, and the second computation.
    built = checkout / "built.json"
    given = {"output": str(output), "status": 0, "stdout": "", "stderr": ""}
    built.write_text(json.dumps(given), encoding="utf-8")
    (output / "dbt_target").mkdir()
    manifest = add_compiled(checkout / "target" / "manifest.json", sample_build)
    (output / "dbt_target" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    files = ("tests/python/test_catalogue.py", "tests/python/test_independent.py")
    done = run(checkout, "-m", "pytest", "-q", *files, CRM_KPIS_SAMPLE_BUILD=str(built))
    assert done.returncode == 0, done.stdout[-4000:]


def add_compiled(manifest: Path, sample_build: Build) -> dict:
    """A manifest with the SQL of the sample's build where dbt has not compiled a node anew."""
    of_sample = sample_build.output / "dbt_target" / "manifest.json"
    compiled = json.loads(of_sample.read_text(encoding="utf-8"))["nodes"]
    changed = json.loads(manifest.read_text(encoding="utf-8"))
    for key, node in changed["nodes"].items():
        node["compiled_code"] = node.get("compiled_code") or compiled[key].get("compiled_code")
    return changed
