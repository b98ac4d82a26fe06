"""What a run finds parsed is the project as it is now, whatever the run before wrote and read."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
from pipeline import PROJECT_DIR, SAMPLE_DIR, build_project, small_project

pytestmark = pytest.mark.slow


def build_numbers(
    project: Path, raw_dir: Path, output: Path, *as_of: str, settings: Path | None = None
) -> tuple:
    environment = {"CRM_KPIS_SETTINGS": str(settings)} if settings else {}
    done = build_project(project, raw_dir, output, *as_of, **environment)
    assert done.status == 0, done.all_output
    with duckdb.connect(output / "warehouse.duckdb", read_only=True) as warehouse:
        return warehouse.execute("select * from numbers").fetchone()


def was_parsed(output: Path) -> bool:
    """dbt writes what it has parsed, if only one file of all."""
    return (output / "dbt_target" / "partial_parse.msgpack").exists()


def when_parsed(output: Path) -> dict[str, float]:
    manifest = json.loads((output / "dbt_target" / "manifest.json").read_text(encoding="utf-8"))
    return {node["name"]: node["created_at"] for node in manifest["nodes"].values()}


def test_a_run_parses_what_has_changed_and_nothing_else(tmp_path, raw_dir):
    model = (
        "select {} as in_model, {{{{ in_macro() }}}} as in_macro, in_seed, {{{{ as_of_override() }}}} as day"
        " from {{{{ ref('seed') }}}}"
    )
    macro = "{{% macro in_macro() %}} {} {{% endmacro %}}"
    project = small_project(tmp_path / "project", {"numbers.sql": model.format(1)})
    (project / "macros").unlink()
    (project / "macros").mkdir()
    for name in ("dates.sql", "settings.sql"):
        shutil.copy(PROJECT_DIR / "macros" / name, project / "macros")
    (project / "macros" / "in_macro.sql").write_text(macro.format(2), encoding="utf-8")
    (project / "seeds").mkdir()
    (project / "seeds" / "seed.csv").write_text("in_seed\n3\n", encoding="utf-8")
    shutil.copy(SAMPLE_DIR / "users.csv", raw_dir)

    assert build_numbers(project, SAMPLE_DIR, tmp_path / "first") == (1, 2, 3, None)
    assert was_parsed(tmp_path / "first")
    assert build_numbers(project, raw_dir, tmp_path / "second") == (1, 2, 3, None)
    assert not was_parsed(tmp_path / "second")

    (project / "models" / "numbers.sql").write_text(model.format(10), encoding="utf-8")
    (project / "macros" / "in_macro.sql").write_text(macro.format(20), encoding="utf-8")
    (project / "seeds" / "seed.csv").write_text("in_seed\n30\n", encoding="utf-8")
    assert build_numbers(project, raw_dir, tmp_path / "third") == (10, 20, 30, None)
    assert build_numbers(project, raw_dir, tmp_path / "fourth") == (10, 20, 30, None)
    assert not was_parsed(tmp_path / "fourth")


def test_another_setting_parses_nothing(tmp_path):
    models = {
        "numbers.sql": "select {{ as_of_override() }} as day, {{ setting('churn_after_days') }} as days"
    }
    project = small_project(tmp_path / "project", models)
    output, settings = tmp_path / "output", tmp_path / "settings"
    settings.mkdir()

    assert build_numbers(project, SAMPLE_DIR, output) == (None, 365)
    first = when_parsed(output)
    assert build_numbers(project, SAMPLE_DIR, output, "2026-01-31") == (date(2026, 1, 31), 365)
    (settings / "settings.yml").write_text("churn_after_days: 90\nas_of: 2026-02-28\n", encoding="utf-8")
    assert build_numbers(project, SAMPLE_DIR, output, settings=settings) == (date(2026, 2, 28), 90)
    # The option comes before the file.
    assert build_numbers(project, SAMPLE_DIR, output, "2026-01-31", settings=settings) == (
        date(2026, 1, 31),
        90,
    )
    assert build_numbers(project, SAMPLE_DIR, output) == (None, 365)
    assert when_parsed(output) == first
