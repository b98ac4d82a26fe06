"""Settings that can not be used are refused before anything is built, with their place and the way out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml
from crm_kpis.errors import InputError
from crm_kpis.raw.contract import PROJECT_DIR, read_contract
from crm_kpis.run.build import BuildOptions
from crm_kpis.settings.checks import check_vars, publishable_columns
from crm_kpis.settings.declaration import read_declaration
from crm_kpis.settings.docs import DOCS_FILE, render_docs
from crm_kpis.settings.read import find_settings_dir, read_settings
from crm_kpis.settings.register import register_settings
from pipeline import SAMPLE_DIR, SAMPLE_SETTINGS, dbt_build


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "settings"
    path.mkdir()
    return path


def write(directory: Path, name: str, *lines: str) -> None:
    (directory / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


# What is read


def test_without_a_directory_each_setting_has_a_neutral_default():
    settings = read_settings(None)
    assert settings.rows == {}
    assert settings.values == {
        "as_of": None,
        "reporting_time_zone": "UTC",
        "reporting_currency": "EUR",
        "business_time_zone": None,
        "churn_after_days": 365,
        "stalled_after_days": 30,
        "gross_margin": 1,
        "max_lifespan_years": 10,
        "publish_personal_columns": [],
    }


def test_an_empty_directory_is_no_error(directory):
    assert read_settings(directory).values == read_settings(None).values


def test_the_directory_is_the_one_that_is_named_or_the_one_in_the_raw_directory(tmp_path):
    assert find_settings_dir(tmp_path) is None
    (tmp_path / "settings").mkdir()
    assert find_settings_dir(tmp_path) == tmp_path / "settings"
    assert BuildOptions(tmp_path, tmp_path, None).settings_dir == tmp_path / "settings"
    named = BuildOptions(tmp_path, tmp_path, None, settings=tmp_path / "other")
    assert named.settings_dir == tmp_path / "other"
    assert find_settings_dir(SAMPLE_DIR) == SAMPLE_SETTINGS


def test_values_are_typed_and_blanks_around_them_do_not_count(directory):
    write(
        directory,
        "settings.yml",
        "reporting_currency: chf",
        "gross_margin: 0.35",
        "as_of: 2025-12-31",
        "business_time_zone: null",
        "publish_personal_columns: [accounts.name]",
    )
    # As a German spreadsheet writes it: semicolons, a mark at the beginning, another order.
    write(
        directory,
        "named_periods.csv",
        "\ufeffstarts_on; Period_Name ;ends_on",
        "2025-01-01; Pilot, A ;",
        "",
        '2024-01-01;"two\nlines";2024-12-31',
    )
    write(directory, "crm_projects.csv", "project,planned_budget", "CRM,1234.56")
    settings = read_settings(directory)
    assert settings.values["gross_margin"] == 0.35
    assert settings.values["as_of"] == "2025-12-31"
    assert settings.values["publish_personal_columns"] == ["accounts.name"]
    assert settings.given["as_of"] == 3
    first, second = settings.rows["named_periods"]
    assert first.values == {
        "period_name": "Pilot, A",
        "starts_on": date(2025, 1, 1),
        "ends_on": None,
        "last_days": None,
    }
    assert (first.line, second.line, second.values["period_name"]) == (2, 4, "two\nlines")
    assert settings.rows["crm_projects"][0].values["planned_budget"] == Decimal("1234.5600")


def test_what_is_read_is_what_the_warehouse_has(directory):
    write(
        directory, "holidays.csv", "day,name", "2025-10-03,Tag der Deutschen Einheit", "2025-12-25,'quoted'"
    )
    write(directory, "settings.yml", "publish_personal_columns: [accounts.name, users.name]")
    with duckdb.connect() as connection:
        register_settings(connection, read_settings(SAMPLE_SETTINGS))
        register_settings(connection, read_settings(directory))
        assert connection.execute("from settings.holidays").fetchall() == [
            (date(2025, 10, 3), "Tag der Deutschen Einheit"),
            (date(2025, 12, 25), "'quoted'"),
        ]
        keys = "select churn_after_days, as_of, publish_personal_columns from settings.settings_yml"
        assert connection.execute(keys).fetchall() == [(365, None, "accounts.name, users.name")]
        for name, table in read_declaration().tables.items():
            described = connection.execute(f"describe settings.{name}").fetchall()
            assert [column for column, *_ in described] == [column.name for column in table.columns]
            if name != "holidays":
                assert connection.execute(f"from settings.{name}").fetchall() == []


def test_notes_and_hidden_files_are_left_alone(directory):
    for name in ("README.md", "notes.txt", ".gitkeep", "~$kpi_targets.xlsx"):
        write(directory, name, "anything")
    assert read_settings(directory).files == ()


def test_the_documentation_is_that_of_the_declaration():
    assert DOCS_FILE.read_text(encoding="utf-8") == render_docs(), "run `make kpi-docs`"


def test_only_personal_columns_have_a_place_to_be_published_in():
    columns = {f"{table.name}.{column.name}": column for table in read_contract() for column in table.columns}
    assert publishable_columns()
    for name in publishable_columns():
        assert columns[name].is_personal


def test_mandatory_fields_are_optional_columns_of_the_contract():
    columns = {(table.name, column.name): column for table in read_contract() for column in table.columns}
    for table, names in read_declaration().record_fields.items():
        assert not any(columns[table, name].required for name in names)


# Vars of dbt


def test_the_projects_own_vars_are_no_settings():
    check_vars({}, PROJECT_DIR)
    check_vars({"raw_dir": "somewhere", "settings_dir": "s", "snapshots_dir": "t"}, PROJECT_DIR)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"churn_after_days": 90},
            "The var churn_after_days in --vars is not read. Write it as a key of settings.yml",
        ),
        ({"raw_dir": 7}, "The var raw_dir in --vars is 7: it must be the path of a directory."),
        ({"settings_dri": "s"}, "Did you mean settings_dir?"),
    ],
)
def test_a_var_that_is_not_read_is_refused(given, message):
    with pytest.raises(InputError) as refused:
        check_vars(given, PROJECT_DIR)
    assert message in str(refused.value)


@pytest.mark.parametrize("nested", [False, True])
def test_a_setting_among_the_vars_of_a_project_is_refused(tmp_path, nested):
    setting = {"reporting_currency": "CHF"}
    project = {"name": "acme", "vars": {"crm_kpis": setting} if nested else setting}
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump(project), encoding="utf-8")
    with pytest.raises(InputError, match="The var reporting_currency in dbt_project"):
        check_vars({"of_another_package": 1}, tmp_path)


def test_dbt_by_hand_refuses_wrong_settings_before_it_builds_anything(tmp_path, directory):
    write(directory, "settings.yml", "as_of: yesterday", "publish_personal_columns: 5")
    refused = dbt_build(tmp_path / "output", settings_dir=str(directory))
    assert refused.status == 2
    assert (
        f"{directory / 'settings.yml'}, line 1, as_of: 'yesterday': write a date as YYYY-MM-DD"
        in refused.stdout
    )
    assert "line 2, publish_personal_columns: 5: it must be a list" in refused.stdout
    assert "Traceback" not in refused.all_output
    assert not refused.warehouse.exists()


@pytest.mark.parametrize(("name", "value"), [("CRM_KPIS_MEMORY_LIMIT", "plenty"), ("CRM_KPIS_AS_OF", "soon")])
def test_a_wrong_environment_variable_is_told_in_one_line(run_cli, tmp_path, name, value):
    result = run_cli("run", "--output", tmp_path / "output", timeout=600, **{name: value})

    assert result.returncode == 2, result.stderr
    assert f"The environment variable {name} is '{value}'" in result.stderr
    assert "Traceback" not in result.stderr
