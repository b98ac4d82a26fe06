"""What the marts are computed from: whatever could change them changes the hash, and nothing else does."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from crm_kpis.errors import InputError
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.run import input_hash as inputs
from crm_kpis.run.build import BuildOptions
from crm_kpis.run.input_hash import hash_inputs
from crm_kpis.settings.read import read_settings


@pytest.fixture
def options(tmp_path, monkeypatch):
    """A raw directory, an output directory with a snapshot, and a project of one file of each kind."""
    monkeypatch.delenv("CRM_KPIS_AS_OF", raising=False)
    project = tmp_path / "project"
    for name in (
        *(
            "dbt_project.yml",
            "profiles.yml",
            "seeds/targets.csv",
            "tests/a_test.sql",
            "tests/generic/wide.sql",
        ),
        *("macros/dates.sql", "models/kpis/kpi_values.sql", "scripts/crm_kpis/raw/csv_file.py"),
        *("tests/python/test_this.py", "seeds/sample/users.csv", "README.md", "scripts/crm_kpis/x.pyc"),
    ):
        write(project / name)
    monkeypatch.setattr(inputs, "PROJECT_DIR", project)
    monkeypatch.setattr(inputs, "_CODE_DIR", project / "scripts" / "crm_kpis")
    company = tmp_path / "company"
    write(company / "models" / "measures_acme.sql")
    write(tmp_path / "raw" / "users.csv", "user_id\nU1\n")
    write(tmp_path / "raw" / "settings" / "holidays.csv", "day,name\n2025-01-01,New Year\n")
    for name in ("first", "unused"):
        write(tmp_path / "output" / "snapshots" / name / "manifest.json")
    evaluations = "evaluation_name,baseline_period,current_period,baseline_snapshot\n"
    write(
        tmp_path / "raw" / "settings" / "evaluations.csv",
        evaluations + "a,before,after,first\nb,before,after,second\n",
    )
    write(
        tmp_path / "raw" / "settings" / "named_periods.csv",
        "period_name,starts_on,ends_on\nbefore,2024-01-01,2024-06-30\nafter,2025-01-01,2025-06-30\n",
    )
    return BuildOptions(tmp_path / "raw", tmp_path / "output", None, project_dir=company)


def write(path: Path, text: str = "before") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def hash_of(options: BuildOptions) -> str:
    return hash_inputs(options, inspect(options.raw_dir), read_settings(options.settings_dir))


@pytest.mark.parametrize(
    "path",
    [
        *("raw/users.csv", "raw/settings/holidays.csv", "output/snapshots/first/manifest.json"),
        *("project/dbt_project.yml", "project/profiles.yml", "project/seeds/targets.csv"),
        *("project/tests/a_test.sql", "project/tests/generic/wide.sql", "project/macros/dates.sql"),
        *("project/models/kpis/kpi_values.sql", "project/scripts/crm_kpis/raw/csv_file.py"),
        "company/models/measures_acme.sql",
    ],
)
def test_a_changed_file_changes_the_hash(options, tmp_path, path):
    before = hash_of(options)
    content = (tmp_path / path).read_text(encoding="utf-8")
    write(tmp_path / path, content + "2026-01-01,\n")
    assert hash_of(options) != before
    write(tmp_path / path, content)
    assert hash_of(options) == before


@pytest.mark.parametrize(
    "path",
    [
        *("raw/deals.csv", "output/snapshots/second/manifest.json", "project/seeds/holidays.csv"),
        *("project/models/new.sql", "project/macros/deep/er.sql", "raw/settings/settings.yml"),
    ],
)
def test_a_new_file_changes_the_hash(options, tmp_path, path):
    before = hash_of(options)
    write(tmp_path / path, "" if path.endswith(".yml") else "deal_id,created_at,status\n")
    assert hash_of(options) != before


def test_what_is_set_changes_the_hash(options, tmp_path, monkeypatch):
    hashes = {hash_of(options), hash_of(replace(options, as_of=date(2026, 1, 31)))}
    shutil.copytree(options.raw_dir, tmp_path / "of_june")
    hashes.add(hash_of(replace(options, raw_dir=tmp_path / "of_june")))
    hashes.add(hash_of(replace(options, snapshots=tmp_path / "no snapshots")))
    write(tmp_path / "elsewhere" / "settings.yml", "churn_after_days: 90\n")
    hashes.add(hash_of(replace(options, settings=tmp_path / "elsewhere")))
    for name in ("CRM_KPIS_AS_OF", "DBT_FULL_REFRESH"):
        monkeypatch.setenv(name, "2026-02-28")
        hashes.add(hash_of(options))
        monkeypatch.delenv(name)
    monkeypatch.setattr(inputs, "version", lambda package: f"{package} of tomorrow")
    hashes.add(hash_of(options))
    assert len(hashes) == 8


def test_nothing_else_changes_the_hash(options, tmp_path, monkeypatch):
    before = hash_of(options)
    # Snapshots that no evaluation names.
    for name in ("unused", "third"):
        write(tmp_path / "output" / "snapshots" / name / "manifest.json", "after")
    for path in ("raw/notes.txt", "project/tests/python/test_this.py", "project/seeds/sample/users.csv"):
        write(tmp_path / path, "after")
    write(tmp_path / "project" / "README.md", "after")
    write(tmp_path / "project" / "scripts" / "crm_kpis" / "x.pyc", "after")
    os.utime(tmp_path / "raw" / "users.csv", (0, 0))
    monkeypatch.setenv("CRM_KPIS_MEMORY_LIMIT", "4GiB")
    shutil.copytree(tmp_path / "output", tmp_path / "elsewhere")
    assert hash_of(replace(options, output=tmp_path / "elsewhere")) == before


def test_the_files_of_this_project_are_found():
    found = set(inputs._hash_files(PROJECT_DIR, inputs._PROJECT_FILES))
    assert {
        "dbt_project.yml",
        "seeds/kpi_catalogue.csv",
        "macros/measures/measures.sql",
        "tests/generic/integrity.sql",
    } < found
    assert "models/kpis/kpi_values.sql" in found
    code = set(inputs._hash_files(inputs._CODE_DIR, ("**/*",)))
    assert {"run/input_hash.py", "report/queries/as_of.sql"} < code
    assert not any(path.startswith(("tests/python", "seeds/sample", ".venv")) for path in found)


def test_a_file_that_cannot_be_read_is_named(options, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(inputs, "hash_file", fail)
    with pytest.raises(InputError, match=r"users\.csv can't be read: Permission denied\."):
        hash_of(options)
