"""Settings that can not be used are refused before anything is built, with their place and the way out."""

from __future__ import annotations

import json
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
from pipeline import SAMPLE_DIR, SAMPLE_SETTINGS, build, dbt_in, small_project


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
        "fiscal_year_starts_in": None,
        "stalled_after_days": 30,
        "lead_chance_days": 180,
        "gross_margin": 1,
        "max_lifespan_years": 10,
        "company_name": None,
        "company_logo": None,
        "report_language": "en",
        "headline_kpis": [],
        "publish_personal_columns": [],
        "sources": [],
        "source_mapping": None,
        "source_mapping_dir": None,
        "source_match": [],
        "mask_addresses_in_keys": True,
        "mask_names_in_keys": True,
        "notify": [],
        "notify_on": "warning",
        "kept_publications": 2,
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


def test_a_logo_is_read_with_the_settings(directory):
    (directory / "logo.svg").write_bytes(b"<svg/>")
    write(directory, "settings.yml", "company_logo: logo.svg")
    settings = read_settings(directory)
    assert settings.values["company_logo"] == "data:image/svg+xml;base64,PHN2Zy8+"
    # Another picture is another input.
    assert [path.name for path in settings.files] == ["settings.yml", "logo.svg"]

    (directory / "logo.svg").write_bytes(b"x" * 200_001)
    with pytest.raises(InputError, match=r"line 1, company_logo: 'logo\.svg': it has 200,001 bytes"):
        read_settings(directory)


@pytest.mark.parametrize(
    ("name", "message"), [("logo.bmp", "that ends with .png"), ("../logo.png", "has no such file")]
)
def test_a_logo_that_cannot_be_used_is_an_error(directory, name, message):
    write(directory, "settings.yml", f"company_logo: {name}")
    with pytest.raises(InputError, match=message):
        read_settings(directory)


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


# What is refused: file, lines, and where and why the message says they can't be used.
OWN_COLUMNS = "raw_table,column_name,data_type,published_as,label_en,label_de,is_personal,kpis"
PERIODS = "period_name,starts_on,ends_on,last_days"
TARGETS = "target_id,target_name,kpi_id,segment_by,segment,kind,target,baseline_period,starts_on,due_on"
_BROKEN = [
    ("settings.yml", ["report_language: fr"], "line 1, report_language: 'fr': it is not an accepted value"),
    (
        "settings.yml",
        ["# at the head of the report", "headline_kpis: [win_rat]"],
        "line 2, headline_kpis: 'win_rat' is no KPI of the catalogue. Did you mean win_rate?",
    ),
    # named_periods.csv
    (
        "named_periods.csv",
        [PERIODS, "a,2025-06-30,2025-01-01,"],
        "line 2, ends_on: 2025-01-01 is before starts_on",
    ),
    ("named_periods.csv", [PERIODS, "a,2025-01-01,,90"], "line 2, last_days: 90 is given beside dates"),
    ("named_periods.csv", [PERIODS, "a,,,"], "line 2, starts_on: it is empty, and so is last_days"),
    ("named_periods.csv", [PERIODS, "a,,2025-01-01,"], "line 2, starts_on: it is empty, and so is last_days"),
    (
        "named_periods.csv",
        [PERIODS, "a,,,-90"],
        "line 2, last_days: '-90': it must be a whole number from 1 to 36500",
    ),
    (
        "named_periods.csv",
        [PERIODS, "a,,,ninety"],
        "line 2, last_days: 'ninety': write a whole number from 1 to 36500",
    ),
    ("named_periods.csv", [PERIODS, "2025,2025-01-01,,"], "'2025' is the name of a calendar period"),
    ("named_periods.csv", [PERIODS, "all,2025-01-01,,"], "'all' is the name of a calendar period"),
    ("named_periods.csv", [PERIODS, "2025-Q1,2025-01-01,,"], "'2025-Q1' is the name of a calendar period"),
    ("named_periods.csv", [PERIODS, "FY2026,2025-04-01,,"], "'FY2026' is the name of a calendar period"),
    (
        "named_periods.csv",
        [PERIODS, "a,,,90", "a,,,30"],
        "line 3, period_name: 'a' is there twice, first in line 2",
    ),
    (
        "named_periods.csv",
        [PERIODS, "a,01.04.2025,,"],
        "line 2, starts_on: '01.04.2025': it is not a date. Write it as YYYY",
    ),
    ("named_periods.csv", [PERIODS, "a,1825-01-01,,"], "it must lie between 1970-01-01 and 2099-12-31"),
    (
        "named_periods.csv",
        [PERIODS, ",2025-01-01,,"],
        "line 2, period_name: it is empty, and each row needs it",
    ),
    (
        "named_periods.csv",
        [PERIODS, "a,2025-01-01,"],
        "line 2: the line has 3 fields, and the header has 4. Write a , for each field that stays empty",
    ),
    (
        "named_periods.csv",
        ["starts_on", "2025-01-01"],
        "line 1: there is no column period_name, which each row needs",
    ),
    (
        "named_periods.csv",
        ["period_name,start_on", "a,2025-01-01"],
        "no column of named_periods.csv has the name 'start_on'. Did you mean starts_on?",
    ),
    (
        "kpi_targets.csv",
        ["target_id,target_name,target_value", "a,a,1"],
        "has the name 'target_value'. Did you mean target?",
    ),
    (
        "named_periods.csv",
        ["period_name,last_days,last_days", "a,1,1"],
        "the column last_days is there twice",
    ),
    # evaluations.csv
    (
        "evaluations.csv",
        ["evaluation_name,baseline_period,current_period", "e,before,afer"],
        "line 2, current_period: 'afer' is not in named_periods.csv. Did you mean after?",
    ),
    (
        "evaluations.csv",
        ["evaluation_name,baseline_period,current_period", "e,2024,after"],
        "line 2, baseline_period: '2024' is not in named_periods.csv",
    ),
    (
        "evaluations.csv",
        ["evaluation_name,baseline_period,current_period", "e,after,before"],
        "line 2, current_period: 'before' must start after 'after' has ended",
    ),
    (
        "evaluations.csv",
        ["evaluation_name,baseline_period,current_period,control_segment", "e,before,after,North"],
        "line 2, control_segment: 'North' is no segment. Write dimension=member",
    ),
    (
        "evaluations.csv",
        ["evaluation_name,baseline_period,current_period,control_segment", "e,before,after,taem=North"],
        "'taem' is no dimension of any KPI. Did you mean team?",
    ),
    # own_columns.csv
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deal,region,,,,,,"],
        "line 2, raw_table: 'deal': it is not an accepted value. Did you mean deals?",
    ),
    (
        "own_kpis.csv",
        [
            "kpi_id,area,label_en,unit,good,aggregation,numerator,segments",
            "won,sales,Won,count,up,total,deals_won,touchpoint",
        ],
        "line 2, segments: 'touchpoint' is no dimension by which deals_won is split.",
    ),
    ("own_columns.csv", [OWN_COLUMNS, "deals,region,string,,,,,"], "line 2, data_type: 'string': it is not"),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,Sales region,,,,,,"],
        "'Sales region' can't be the name of a column",
    ),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,a,,order,,,,"],
        "line 2, published_as: 'order' can't be the name",
    ),
    ("own_columns.csv", [OWN_COLUMNS, "deals,a,,,,,,", "deals,a,,,,,,"], "'deals', 'a' is there twice"),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,region,,,,,,", "accounts,region,,,,,,won_revenue"],
        "line 3, published_as: 'region' is the name of deals.region, too (line 2)",
    ),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,amount_band,,amount,,,,"],
        "line 2, published_as: fct_deals has a column amount already. Take another name, such as",
    ),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,our_team,,team,,,,win_rate"],
        "line 2, published_as: 'team' is a dimension of the package",
    ),
    ("own_columns.csv", [OWN_COLUMNS, "deals,stage,,,,,,"], "'stage' is a column of the raw contract"),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,deal_type,integer,kind,,,,win_rate"],
        "line 2, data_type: integer: the raw contract has deals.deal_type as text. Leave it empty.",
    ),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,region,,,,,,win_rat"],
        "line 2, kpis: 'win_rat' is no KPI of the catalogue. Did you mean win_rate?",
    ),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,region,,,,,,leads_created"],
        "can't be split by a column of deals: its measure leads_created is computed from fct_leads",
    ),
    (
        "own_columns.csv",
        [OWN_COLUMNS, "deals,region,,,,,,pipeline_velocity"],
        "its measure expected_open_revenue is computed from totals. Remove it here.",
    ),
    ("own_columns.csv", [OWN_COLUMNS, "deals,buyer,,,,,yes,win_rate"], "a personal column splits no KPI"),
    ("own_columns.csv", [OWN_COLUMNS, "deals,rebate,decimal,,,,,win_rate"], "a decimal has too many values"),
    # quotas.csv, benchmarks.csv, alert_rules.csv
    (
        "quotas.csv",
        ["owner_id,team,period,amount", "U1,North,2026,10"],
        "line 2, team: a quota is of a user or of a team, not of both",
    ),
    (
        "quotas.csv",
        ["owner_id,team,period,amount", "U1,,2026-13,10"],
        "line 2, period: '2026-13' is no month, quarter or year. Write 2026-07, 2026-Q3 or 2026",
    ),
    (
        "quotas.csv",
        ["owner_id,team,period,amount", "U1,,FY2027-Q1,10"],
        "line 2, period: 'FY2027-Q1' is fiscal, and no fiscal year is known. Set fiscal_year_starts_in",
    ),
    ("quotas.csv", ["owner_id,period,amount", "U1,2026,-1"], "line 2, amount: '-1'"),
    (
        "benchmarks.csv",
        ["kpi_id,value_low,source", "win_rat,0.2,a study"],
        "line 2, kpi_id: 'win_rat' is no KPI of the catalogue. Did you mean win_rate?",
    ),
    (
        "benchmarks.csv",
        ["kpi_id,segment_by,segment,value_low,source", "win_rate,colour,red,0.2,a study"],
        "line 2, segment_by: 'colour' is no dimension of win_rate",
    ),
    (
        "benchmarks.csv",
        ["kpi_id,value_low,value_high,source", "win_rate,0.3,0.2,a study"],
        "line 2, value_high: 0.2 is less than value_low, 0.3",
    ),
    ("alert_rules.csv", ["rule,is_on", "deal_overdu,off"], "line 2, rule: 'deal_overdu'"),
    (
        "alert_receivers.csv",
        ["owner_id,team,address", "U1,North,u1@example.com"],
        "line 2, team: the row names an owner already",
    ),
    ("alert_receivers.csv", ["team,address", "North,"], "line 2, address"),
    (
        "own_kpis.csv",
        [
            "kpi_id,area,label_en,unit,good,aggregation,numerator,denominator,interval_method",
            "a,sales,A,ratio,up,ratio,deals_won,deals_created,poisson",
        ],
        "line 2, interval_method: poisson is for a ratio whose unit is not ratio",
    ),
    # kpi_targets.csv
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,closing_rate,,,absolute,0.3,,2025-01-01,2025-06-30"],
        "line 2, kpi_id: 'closing_rate' is no KPI of the catalogue. Did you mean close_rate?",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,tickets_created,,,absolute,10,,2025-01-01,2025-06-30"],
        "line 2, kpi_id: tickets_created has no good direction",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,,,percent,10,,2025-01-01,2025-06-30"],
        "line 2, kind: 'percent': it is not an accepted value. There are: absolute, relative",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,,,relative,10,before,2025-01-01,2025-06-30"],
        "line 2, target: 10 is a change of 1000%. Write 10 % as 0.1",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,,,absolute,10,,2025-01-01,2025-06-30"],
        "line 2, target: 10 is no share, and close_rate is one. Write 10 % as 0.1",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,first_response_hours,,,relative,0.3,before,2025-01-01,2025-06-30"],
        "line 2, target: 0.3 makes first_response_hours worse: good is down. Write a negative change",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, 't,T,close_rate,,,relative,"0,1",before,2025-01-01,2025-06-30'],
        "line 2, target: '0,1': it is not a number",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,,,relative,10%,before,2025-01-01,2025-06-30"],
        "line 2, target: '10%': it is not a number. Write 10 % as 0.1",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,,,relative,0.1,before,2025-06-30,2025-06-30"],
        "line 2, due_on: 2025-06-30 is not after starts_on",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,,,relative,0.1,,2025-01-01,2025-06-30"],
        "line 2, baseline_period: it is empty, and a relative target changes a baseline",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,,,relative,0.1,befor,2025-01-01,2025-06-30"],
        "line 2, baseline_period: 'befor' is not in named_periods.csv. Did you mean before?",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,churn_rate,,,relative,-0.1,before,2025-01-01,2025-06-30"],
        "line 2, kind: relative: churn_rate depends on the length of its period",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,owner,,absolute,0.3,,2025-01-01,2025-06-30"],
        "line 2, segment: it is empty. Give segment_by and segment, or leave both empty",
    ),
    (
        "kpi_targets.csv",
        [TARGETS, "t,T,close_rate,priority,high,absolute,0.3,,2025-01-01,2025-06-30"],
        "line 2, segment_by: 'priority' is no dimension of close_rate",
    ),
    # business_hours.csv, holidays.csv
    (
        "business_hours.csv",
        ["weekday,opens_at,closes_at", "1,17:00,09:00"],
        "line 2, closes_at: '09:00' is not after opens_at, '17:00'",
    ),
    (
        "business_hours.csv",
        ["weekday,opens_at,closes_at", "0,09:00,17:00"],
        "line 2, weekday: '0': it must be a whole",
    ),
    (
        "business_hours.csv",
        ["weekday,opens_at,closes_at", "1,9 am,17:00"],
        "line 2, opens_at: '9 am': it is not a time",
    ),
    (
        "business_hours.csv",
        ["weekday,opens_at,closes_at", "1,09:00,24:01"],
        "line 2, closes_at: '24:01': it is not",
    ),
    (
        "holidays.csv",
        ["day,name", "2025-12-25,a", "2025-12-25,b"],
        "line 3, day: 2025-12-25 is there twice, first in line 2",
    ),
    # ideal_customer_profile.csv, mandatory_fields.csv, pipeline_stages.csv, crm_projects.csv
    (
        "ideal_customer_profile.csv",
        ["employee_count_from,employee_count_to", "250,50"],
        "line 2, employee_count_to: 50 is less than employee_count_from, 250",
    ),
    (
        "mandatory_fields.csv",
        ["raw_table,column_name", "deals,amuont"],
        "line 2, column_name: 'amuont' is no optional column of deals. Did you mean amount?",
    ),
    (
        "mandatory_fields.csv",
        ["raw_table,column_name", "orders,amount"],
        "line 2, raw_table: 'orders': it is not an accepted",
    ),
    (
        "pipeline_stages.csv",
        ["pipeline,stage,stage_order", "p,a,1", "p,b,1"],
        "line 3, stage_order: 1 is the place of 'a', too (line 2)",
    ),
    (
        "crm_projects.csv",
        ["project,planned_start_on,planned_end_on", "p,2025-02-01,2025-01-01"],
        "line 2, planned_end_on: 2025-01-01 is before planned_start_on",
    ),
    (
        "crm_projects.csv",
        ["project,planned_budget", "p,1.234.567"],
        "line 2, planned_budget: '1.234.567': it is not a number",
    ),
    # settings.yml
    (
        "settings.yml",
        ["reporting_time_zone: Europe/Bonn"],
        "line 1, reporting_time_zone: 'Europe/Bonn': no time zone has",
    ),
    (
        "settings.yml",
        ["reporting_currency: euro"],
        "line 1, reporting_currency: 'euro': write a currency as the three",
    ),
    ("settings.yml", ['reporting_currency: "E\'R"'], "the three letters of ISO 4217"),
    ("settings.yml", ["reporting_currency: null"], "line 1, reporting_currency: None: it must be a text"),
    (
        "settings.yml",
        ["a: 1", "churn_after_days: -1"],
        "line 2, churn_after_days: -1: it must be a whole number from 1",
    ),
    (
        "settings.yml",
        ["churn_after_days: '365'"],
        "line 1, churn_after_days: '365': it must be a whole number, without",
    ),
    (
        "settings.yml",
        ["stalled_after_days: true"],
        "line 1, stalled_after_days: True: it must be a whole number",
    ),
    ("settings.yml", ["gross_margin: 35"], "line 1, gross_margin: 35: it must be a number from 0 to 1"),
    ("settings.yml", ["gross_margin: .nan"], "line 1, gross_margin: nan: it must be a number"),
    ("settings.yml", ["gross_margin: 0,35"], "line 1, gross_margin: '0,35': it must be a number, with a dot"),
    (
        "settings.yml",
        ["churn_afer_days: 90"],
        "line 1, churn_afer_days: no setting has this name. Did you mean churn_after",
    ),
    (
        "settings.yml",
        ["gross_margin: 1", "gross_margin: 0.5"],
        "line 2, gross_margin: the key is there twice, first in line 1",
    ),
    ("settings.yml", ["as_of: 31.12.2025"], "line 1, as_of: '31.12.2025': write a date as YYYY-MM-DD"),
    ("settings.yml", ["as_of: 2025-02-30"], "line 1, as_of"),
    (
        "settings.yml",
        ["publish_personal_columns: [accounts.nmae]"],
        "no published table has a place for accounts.nmae. Did you",
    ),
    (
        "settings.yml",
        ["publish_personal_columns: accounts.name"],
        "it must be a list of texts, such as [accounts.name]",
    ),
    ("settings.yml", ["- a"], "line 1: it holds no keys. Write each setting as `key: value`"),
    ("settings.yml", ["gross_margin: [1"], "it is not YAML"),
    # The directory
    ("kpi_target.csv", ["target_id"], "no file of settings has this name. Did you mean kpi_targets.csv?"),
    ("settings.yaml", ["gross_margin: 1"], "no file of settings has this name. Did you mean settings.yml?"),
    ("kpi_targets.xlsx", ["PK"], "no file of settings has this name. Did you mean kpi_targets.csv?"),
    ("holidays.csv", [], "holidays.csv is empty"),
]


@pytest.mark.parametrize(("name", "lines", "message"), _BROKEN)
def test_what_can_not_be_used_is_refused_with_its_place(directory, name, lines, message):
    write(
        directory,
        "named_periods.csv",
        PERIODS,
        "before,2024-01-01,2024-06-30,",
        "after,2025-01-01,2025-06-30,",
    )
    write(directory, name, *lines)
    with pytest.raises(InputError) as refused:
        read_settings(directory)
    assert message in str(refused.value)
    assert str(directory / name) in str(refused.value)


def test_a_line_of_empty_fields_is_no_row(directory):
    # As spreadsheets write it at the end; in the profile it would take in every lead.
    write(directory, "ideal_customer_profile.csv", "industry,country", " , ", "software,")
    assert len(read_settings(directory).rows["ideal_customer_profile"]) == 1


def test_all_problems_are_told_at_once(directory):
    write(directory, "named_periods.csv", PERIODS, "2025,,,", "a,tomorrow,,", "a,,,0")
    write(directory, "settings.yml", "gross_margin: 35", "currency: EUR")
    write(directory, "targets.csv", "a")
    with pytest.raises(InputError) as refused:
        read_settings(directory)
    head, *problems = str(refused.value).splitlines()
    assert head == f"The settings in {directory} have 7 problems:"
    assert [problem.removeprefix(f"- {directory}/").split(": ")[0] for problem in problems] == [
        "targets.csv",
        "settings.yml, line 1, gross_margin",
        "settings.yml, line 2, currency",
        "named_periods.csv, line 3, starts_on",
        "named_periods.csv, line 4, last_days",
        "named_periods.csv, line 2, period_name",
        "named_periods.csv, line 2, starts_on",
    ]


def test_a_value_that_is_long_is_cut(directory):
    write(directory, "settings.yml", f"reporting_currency: {'x' * 10_000}")
    with pytest.raises(InputError) as refused:
        read_settings(directory)
    assert len(str(refused.value)) < 300 + len(str(directory))


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


@pytest.mark.slow
def test_dbt_by_hand_refuses_wrong_settings_before_it_builds_anything(tmp_path, directory):
    write(directory, "settings.yml", "as_of: yesterday", "publish_personal_columns: 5")
    # Before dbt looks at a model: with few it reads them in a fifth of the time.
    project = small_project(tmp_path / "project", {"one.sql": "select 1 as number"})
    refused = dbt_in(project, "build", "--vars", json.dumps({"settings_dir": str(directory)}))
    assert refused.status == 2
    assert (
        f"{directory / 'settings.yml'}, line 1, as_of: 'yesterday': write a date as YYYY-MM-DD"
        in refused.stdout
    )
    assert "line 2, publish_personal_columns: 5: it must be a list" in refused.stdout
    assert "Traceback" not in refused.all_output
    assert not refused.warehouse.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("CRM_KPIS_MEMORY_LIMIT", "plenty"), ("CRM_KPIS_AS_OF", "soon")])
def test_a_wrong_environment_variable_is_told_in_one_line(monkeypatch, tmp_path, name, value):
    monkeypatch.setenv(name, value)
    result = build(tmp_path / "output")

    assert result.status == 2, result.stderr
    assert f"The environment variable {name} is '{value}'" in result.stderr
    assert "Traceback" not in result.stderr
