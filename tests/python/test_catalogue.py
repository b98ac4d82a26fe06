"""What the catalogue and the contract promise is what the models compute."""

from __future__ import annotations

import csv
from functools import cache

import duckdb
import pytest
from crm_kpis.catalogue.docs import DOCS_FILE, MONTHLY_DIR, read_examples, render_docs, render_monthly
from crm_kpis.catalogue.inputs import INPUTS_FILE, render_inputs
from crm_kpis.raw.contract import PROJECT_DIR, TABLES_FILE, render_tables
from crm_kpis.settings.declaration import read_declaration
from crm_kpis.yaml_files import parse_yaml
from engines import render, run_on_duckdb
from pipeline import CONTRACT

_CATALOGUE_FILE = PROJECT_DIR / "seeds" / "kpi_catalogue.csv"
with _CATALOGUE_FILE.open(encoding="utf-8", newline="") as _file:
    CATALOGUE = {row["kpi_id"]: row for row in csv.DictReader(_file)}
_UNIT_TESTS = PROJECT_DIR / "models" / "kpis" / "_unit_tests.yml"
_ROLES = ("numerator", "denominator", "squares", "sample_measure")
_PARAMETRIZE_KPIS = pytest.mark.parametrize("kpi", CATALOGUE.values(), ids=CATALOGUE)
_STAGED_TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(18,4)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


def measures_of(kpi: dict[str, str]) -> dict[str, str]:
    """The measures of a KPI by role."""
    return {role: kpi[role] for role in _ROLES if kpi[role]}


def _pairs(warehouse: duckdb.DuckDBPyConnection, query: str) -> set[tuple[str, str]]:
    return set(warehouse.execute(query).fetchall())


# Measures


def test_measures_are_those_of_the_catalogue(sample_warehouse, compiled):
    computed = {
        row[0] for row in sample_warehouse.execute("select distinct measure from main.measures").fetchall()
    }
    used = {measure for kpi in CATALOGUE.values() for measure in measures_of(kpi).values()}
    assert not used - computed, "no model computes these"
    # A few measures are but steps to others.
    read = {
        measure
        for measure in computed - used
        if any(f"measure = '{measure}'" in model.sql for model in compiled.models.values())
    }
    assert not computed - used - read, "no KPI and no other measure uses these"


def test_a_kpi_is_split_by_its_segments_and_no_others(sample_warehouse):
    computed = _pairs(sample_warehouse, "select distinct kpi_id, segment_by from main.kpi_values")
    assert computed == {
        (kpi_id, segment)
        for kpi_id, kpi in CATALOGUE.items()
        for segment in ["all", *filter(None, kpi["segments"].split("|"))]
    }


def test_every_measure_of_a_kpi_is_split_by_its_segments(sample_warehouse):
    # Otherwise its ratio has rows, but without a numerator or a denominator.
    computed = _pairs(sample_warehouse, "select distinct measure, segment_by from main.measures")
    missing = {
        (kpi_id, measure, segment)
        for kpi_id, kpi in CATALOGUE.items()
        for measure in measures_of(kpi).values()
        for segment in filter(None, kpi["segments"].split("|"))
        if (measure, segment) not in computed
    }
    assert not missing


# The catalogue


@_PARAMETRIZE_KPIS
def test_what_a_kpi_divides_fits_its_aggregation(kpi):
    roles = set(measures_of(kpi))
    if kpi["aggregation"] == "ratio":
        # Without a sample measure the denominator tells the size.
        assert {"numerator", "denominator"} <= roles
    else:
        assert roles == {"numerator", "sample_measure"}
    assert ("squares" in roles) == (kpi["interval_method"] in ("mean", "nps"))


@_PARAMETRIZE_KPIS
def test_the_interval_fits_the_unit(kpi):
    method, unit = kpi["interval_method"], kpi["unit"]
    if kpi["aggregation"] != "ratio":
        assert method == "none"
    assert method != "wilson" or unit == "ratio"
    assert method != "poisson" or unit == "number"
    assert method != "nps" or unit == "score"
    assert method != "mean" or unit != "ratio"
    assert float(kpi["per_unit"]) == (3600 if unit == "hours" else 1)


@_PARAMETRIZE_KPIS
def test_segments_are_told_once_and_parts_of_the_total(kpi):
    segments = kpi["segments"].split("|") if kpi["segments"] else []
    assert len(set(segments)) == len(segments)
    assert "all" not in segments


def test_ids_and_labels_tell_kpis_apart():
    assert (
        len(CATALOGUE)
        == len((PROJECT_DIR / "seeds" / "kpi_catalogue.csv").read_text("utf-8").splitlines()) - 1
    )
    for label in ("label_en", "label_de"):
        assert len({kpi[label] for kpi in CATALOGUE.values()}) == len(CATALOGUE), label


@cache
def _read_expected_rows() -> list[dict]:
    tests = parse_yaml(_UNIT_TESTS.read_text(encoding="utf-8"))["unit_tests"]
    return [row for test in tests if test["model"] == "kpi_values" for row in test["expect"]["rows"]]


@pytest.mark.parametrize("kpi_id", CATALOGUE)
def test_each_kpi_is_held_by_numbers_worked_out_by_hand(kpi_id):
    values = [row.get("kpi_value") for row in _read_expected_rows() if row["kpi_id"] == kpi_id]
    assert any(value is not None for value in values), f"no unit test in {_UNIT_TESTS} expects a value of it"


# The contract


@pytest.mark.parametrize("table", CONTRACT)
def test_staging_has_each_column_of_the_contract_under_its_name_and_type(sample_warehouse, table):
    described = sample_warehouse.execute(f"describe main.stg_{table}").fetchall()
    staged = {name: data_type for name, data_type, *_ in described}
    expected = {column.name: _STAGED_TYPES[column.data_type] for column in CONTRACT[table].columns}
    if table == "exchange_rates":
        expected["rate"] = "DECIMAL(18,8)"
    # Whether it happened, also where the time is impossible.
    happened = {
        "leads": ("is_qualified", "is_converted", "is_disqualified"),
        "tickets": ("is_responded", "is_resolved"),
    }.get(table, ())
    assert staged == expected | {"_row_number": "BIGINT"} | dict.fromkeys(happened, "BOOLEAN")


def test_what_bi_tools_read_has_plain_types_that_do_not_change(sample_warehouse):
    described = sample_warehouse.execute("describe main.kpi_values").fetchall()
    assert {name: data_type for name, data_type, *_ in described} == {
        **dict.fromkeys(("kpi_id", "period_grain", "period_name", "segment_by", "segment"), "VARCHAR"),
        **dict.fromkeys(("period_start", "period_end"), "DATE"),
        **dict.fromkeys(("is_complete", "interval_is_rough", "is_comparable"), "BOOLEAN"),
        "coverage": "VARCHAR",
        "covered_share": "DOUBLE",
        "sample_size": "BIGINT",
        **dict.fromkeys(("numerator", "denominator", "kpi_value"), "DOUBLE"),
        **dict.fromkeys(("interval_low", "interval_high", "standard_error"), "DOUBLE"),
    }


# Documentation and inputs


def test_the_documentation_of_kpis_is_that_of_the_catalogue():
    assert DOCS_FILE.read_text(encoding="utf-8") == render_docs(), "run `make kpi-docs`"


def test_the_monthly_tables_have_a_column_for_each_kpi_of_the_catalogue():
    written = {
        path.name: path.read_text(encoding="utf-8")
        for path in MONTHLY_DIR.iterdir()
        if path.name != "_unit_tests.yml"
    }
    assert written == render_monthly(), "run `make kpi-docs`"


def test_every_kpi_has_an_example():
    assert set(read_examples()) >= set(CATALOGUE)


def test_inputs_are_those_of_numerators_and_denominators():
    with (PROJECT_DIR / "seeds" / "measure_inputs.csv").open(encoding="utf-8", newline="") as file:
        inputs = list(csv.DictReader(file))
    parts = {kpi[role] for kpi in CATALOGUE.values() for role in ("numerator", "denominator") if kpi[role]}
    assert {row["measure"] for row in inputs} >= parts
    known = {
        (table.name, column.name, value)
        for table in CONTRACT.values()
        for column in table.columns
        for value in ("", *column.accepts)
    }
    known |= {("settings", name, "") for name in read_declaration().tables}
    assert {(row["raw_table"], row["raw_column"], row["accepted_value"]) for row in inputs} <= known
    assert INPUTS_FILE.read_text(encoding="utf-8") == render_inputs(), "run `make kpi-docs`"


def test_the_list_of_raw_tables_is_that_of_the_contract():
    assert TABLES_FILE.read_text(encoding="utf-8") == render_tables(), "run `make kpi-docs`"


# Weak spots

# Differences that nobody can act on, by dimension, and the KPIs of which that holds.
_NATURAL = {
    "deal_type": (
        "close_rate",
        "win_rate",
        "average_deal_size",
        "sales_cycle_days",
    ),  # Renewals are sooner won.
    "pipeline": (
        "close_rate",
        "win_rate",
        "average_deal_size",
        "sales_cycle_days",
        "stage_days",
        "stage_conversion_rate",
    ),
    # A cheap one has small deals, and is sold soon. Its low scores are counted by what was sold of it.
    "product": ("average_deal_size", "sales_cycle_days", "customer_satisfaction_score"),
    "industry": ("average_deal_size",),
    "country": ("average_deal_size",),
    "stage": ("stage_days", "stage_conversion_rate", "stalled_deal_rate"),  # Each is another kind of work.
    "score_band": ("lead_conversion_rate",),  # Low scores convert less: that is what they say.
    # Who calls is answered at once, and what is urgent comes first.
    "channel": ("first_contact_resolution_rate", "first_response_hours", "resolution_hours"),
    "priority": (
        "first_contact_resolution_rate",
        "first_response_hours",
        "resolution_hours",
        "ticket_reopen_rate",
    ),
}


def test_what_is_not_compared_across_has_a_reason():
    for kpi_id, kpi in CATALOGUE.items():
        compared = set(filter(None, kpi["compared_across"].split("|")))
        segments = set(kpi["segments"].split("|"))
        natural = {dimension for dimension, kpis in _NATURAL.items() if kpi_id in kpis}
        assert compared <= segments, kpi_id
        if compared:
            assert segments - compared == natural, kpi_id


# Own KPIs


def test_the_usual_changes_of_each_kpi_come_from_what_its_columns_say():
    rule = render("usual_change_from('dated_by', 'length_effect')", "duckdb")
    differing = run_on_duckdb(f"select kpi_id from '{_CATALOGUE_FILE}' where usual_change_from <> {rule}")
    # Costs of a month are booked on one day, and forecasts are made by the quarter.
    assert differing == [("forecast_error",), ("customer_retention_cost",)]


def test_an_own_kpi_of_a_stock_is_read_at_the_end_as_a_shipped_one_is():
    own = [
        # A shipped stock, one that only divides another, an own one, a rate of shipped stocks, a flow, what
        # depends on the length.
        {"kpi_id": "shipped_stock", "aggregation": "total", "numerator": "open_pipeline"},
        {"kpi_id": "shipped_divisor", "aggregation": "total", "numerator": "open_deals"},
        {"kpi_id": "stock", "aggregation": "total", "numerator": "own_stock", "length_effect": "none"},
        {
            "kpi_id": "stock_rate",
            "aggregation": "ratio",
            "numerator": "stalled_deals",
            "denominator": "open_deals",
        },
        {"kpi_id": "flow", "aggregation": "total", "numerator": "deals_won"},
        {"kpi_id": "other_rate", "aggregation": "ratio", "numerator": "orders", "length_effect": "other"},
        {"kpi_id": "median", "aggregation": "median", "numerator": "own_median"},
        {"kpi_id": "said", "aggregation": "total", "numerator": "own_stock", "dated_by": "end of period"},
    ]
    columns = [column.name for column in read_declaration().tables["own_kpis"].columns]
    with duckdb.connect() as connection:
        connection.read_csv(str(_CATALOGUE_FILE)).create("kpi_catalogue")
        texts = ", ".join(f"{name} {'double' if name == 'per_unit' else 'varchar'}" for name in columns)
        connection.execute(f"create table own_kpis ({texts})")
        for row in own:
            connection.execute(
                f"insert into own_kpis ({', '.join(row)}) values ({', '.join('?' for _ in row)})",
                list(row.values()),
            )
        rows = render("own_kpi_rows()", "duckdb", source=lambda *_: "own_kpis", this="kpi_catalogue")
        filled = connection.execute(
            f"select kpi_id, dated_by, length_effect, usual_change_from from ({rows}) order by all"
        ).fetchall()

    assert filled == [
        ("flow", "its measures", "proportional", "weeks"),
        ("median", "its measures", "none", "weeks"),
        ("other_rate", "its measures", "other", "whole periods"),
        ("said", "end of period", "none", "period ends"),
        ("shipped_divisor", "end of period", "none", "period ends"),
        ("shipped_stock", "end of period", "none", "period ends"),
        ("stock", "end of period", "none", "period ends"),
        ("stock_rate", "end of period", "none", "period ends"),
    ]
