"""The vars: what the models can't use is refused before anything is built, with the value and the way out."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
import yaml
from crm_kpis.errors import InputError
from crm_kpis.raw.contract import PROJECT_DIR, read_contract
from crm_kpis.settings.checks import CHECKS, check_vars, publishable_columns
from pipeline import dbt_in, small_project


def test_what_the_project_sets_is_right():
    check_vars({})


def test_every_var_is_checked():
    project = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    assert set(CHECKS) == set(project["vars"]) | {"raw_dir", "snapshots_dir"}


@pytest.mark.parametrize(
    "given",
    [
        {"as_of": "2025-12-31"},
        {"as_of": date(2025, 12, 31)},  # what YAML makes of it without quotes
        {"as_of": None},
        {"reporting_time_zone": "Europe/Berlin", "business_time_zone": None},
        {"reporting_currency": "chf"},
        {"churn_after_days": 1, "stalled_after_days": 0},
        {"gross_margin": 0.35, "max_lifespan_years": 7.5},
        {"publish_personal_columns": ["accounts.name", "users.name"]},
        {"publish_personal_columns": None},
        {"raw_dir": "somewhere"},
    ],
)
def test_what_the_models_can_use_is_taken(given):
    check_vars(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"as_of": "31.12.2025"}, "The var as_of in --vars is '31.12.2025': write a date as YYYY-MM-DD"),
        ({"as_of": "2025-02-30"}, "write a date as YYYY-MM-DD"),
        ({"as_of": "2025-12-31' as date) --"}, "write a date as YYYY-MM-DD"),
        ({"as_of": datetime(2025, 12, 31, 8)}, "write a date as YYYY-MM-DD"),
        ({"as_of": "1969-12-31"}, "it must lie between 1970-01-01 and 2099-12-31"),
        ({"as_of": 20251231}, "write a date as YYYY-MM-DD"),
        ({"reporting_time_zone": "Europe/Bonn"}, "is 'Europe/Bonn': no time zone has this name"),
        ({"reporting_time_zone": None}, "no time zone has this name"),
        ({"business_time_zone": "UTC'; drop table kpi_values; --"}, "no time zone has this name"),
        ({"reporting_currency": "E'R"}, "the three letters of ISO 4217"),
        ({"reporting_currency": "euro"}, "the three letters of ISO 4217"),
        ({"churn_after_days": -1}, "is -1: it must be a whole number from 1 to 36500"),
        ({"churn_after_days": "365"}, "is '365': it must be a whole number"),
        ({"churn_after_days": 36.5}, "it must be a whole number"),
        ({"stalled_after_days": True}, "it must be a whole number from 0"),
        ({"gross_margin": 35}, "is 35: it must be a number from 0 to 1"),
        ({"gross_margin": float("nan")}, "it must be a number from 0 to 1"),
        ({"max_lifespan_years": 0}, "it must be a number from 1 to 100"),
        ({"publish_personal_columns": "accounts.name"}, "it must be a list, such as [accounts.name]"),
        ({"publish_personal_columns": ["accounts.nmae"]}, "no published table has a place for accounts.nmae"),
        ({"publish_personal_columns": ["contacts.email"]}, "can be published are accounts.name, users.name"),
        ({"publish_personal_columns": [["accounts.name"]]}, "no published table has a place for"),
        ({"raw_dir": 7}, "it must be the path of a directory"),
        ({"as_off": "2025-12-31"}, "There is no var as_off. There are: as_of, "),
    ],
)
def test_what_they_can_not_is_refused(given, message):
    with pytest.raises(InputError) as refused:
        check_vars(given)
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_long_value_is_cut_short():
    with pytest.raises(InputError) as refused:
        check_vars({"as_of": "x" * 10_000})
    assert len(str(refused.value)) < 300


def test_what_stands_in_the_project_file_is_checked_too(tmp_path):
    project = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    project["vars"]["reporting_time_zone"] = "Middle Earth"
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump(project), encoding="utf-8")
    with pytest.raises(InputError, match="in dbt_project"):
        check_vars({"as_of": "2025-12-31"}, tmp_path)


def test_only_personal_columns_have_a_place_to_be_published_in():
    columns = {f"{table.name}.{column.name}": column for table in read_contract() for column in table.columns}
    assert publishable_columns()
    for name in publishable_columns():
        assert columns[name].is_personal


def test_dbt_by_hand_refuses_a_wrong_var_before_it_builds_anything(tmp_path):
    project = small_project(tmp_path / "project", {"one.sql": "select 1 as number"})
    given = json.dumps({"as_of": "yesterday", "publish_personal_columns": 5})
    refused = dbt_in(project, "build", "--vars", given)
    assert refused.status == 2
    assert "The var as_of in --vars is 'yesterday': write a date as YYYY-MM-DD" in refused.stdout
    assert "Traceback" not in refused.all_output
    with refused.connect() as warehouse:
        assert not warehouse.execute("from duckdb_tables()").fetchall()


@pytest.mark.parametrize(("name", "value"), [("CRM_KPIS_MEMORY_LIMIT", "plenty"), ("CRM_KPIS_AS_OF", "soon")])
def test_a_wrong_environment_variable_is_told_in_one_line(run_cli, tmp_path, name, value):
    result = run_cli("run", "--output", tmp_path / "output", timeout=600, **{name: value})

    assert result.returncode == 2, result.stderr
    assert f"The environment variable {name} is '{value}'" in result.stderr
    assert "Traceback" not in result.stderr
