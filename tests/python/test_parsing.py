"""What a run finds parsed is the project as it is now, whatever the run before wrote and read."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
from pipeline import PROJECT_DIR, SAMPLE_DIR, build_project, small_project


def build_numbers(project: Path, raw_dir: Path, output: Path, *as_of: str) -> tuple:
    done = build_project(project, raw_dir, output, *as_of)
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
    shutil.copy(PROJECT_DIR / "macros" / "dates.sql", project / "macros")
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


def test_another_day_parses_only_what_reads_it(tmp_path):
    models = {"numbers.sql": "select {{ as_of_override() }} as day", "other.sql": "select 1 as number"}
    project = small_project(tmp_path / "project", models)
    output = tmp_path / "output"

    assert build_numbers(project, SAMPLE_DIR, output) == (None,)
    first = when_parsed(output)
    assert build_numbers(project, SAMPLE_DIR, output, "2026-01-31") == (date(2026, 1, 31),)
    second = when_parsed(output)
    assert second["numbers"] > first["numbers"]
    assert second["other"] == first["other"]
    assert build_numbers(project, SAMPLE_DIR, output, "2026-02-28") == (date(2026, 2, 28),)
    assert build_numbers(project, SAMPLE_DIR, output) == (None,)
    assert when_parsed(output)["other"] == first["other"]
