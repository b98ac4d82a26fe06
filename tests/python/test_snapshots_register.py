"""A snapshot from before go-live stands in for raw data that are gone."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.snapshots.take import take_snapshot
from pipeline import CONTRACT, SAMPLE_DIR, csv_path, read_csv, write_csv

pytestmark = pytest.mark.slow

GO_LIVE = date(2025, 1, 1)
WITH_SNAPSHOT = "select * replace ('before go-live' as baseline_snapshot) from compiled.settings.evaluations"
BASELINE = "baseline_value, baseline_interval_low, baseline_interval_high, baseline_sample_size"
# KPIs of which weeks show how much they usually change.
with (PROJECT_DIR / "seeds" / "kpi_catalogue.csv").open(encoding="utf-8", newline="") as _file:
    _BY_WEEKS = {
        row["kpi_id"] for row in csv.DictReader(_file) if row["usual_change_from"] != "whole periods"
    }
CURRENT = "current_value, current_interval_low, current_interval_high, current_sample_size"


@pytest.fixture(scope="module")
def snapshots(sample_build, tmp_path_factory) -> Path:
    """The directory with a snapshot of the sample."""
    directory = tmp_path_factory.mktemp("snapshots")
    take_snapshot(sample_build.output, "before go-live", snapshots=directory)
    return directory


@pytest.fixture(scope="module")
def after_go_live(tmp_path_factory) -> Path:
    """The sample without the rows of which everything happened before go-live."""
    directory = tmp_path_factory.mktemp("raw")
    for table in CONTRACT.values():
        file = read_csv(csv_path(SAMPLE_DIR, table.name))
        # A purchase before makes a customer of today, a plan or a price of then may still hold.
        is_kept = table.name in ("orders", "order_items", "subscriptions", "exchange_rates", "costs")
        times = [
            file.header.index(column.name)
            for column in table.columns
            if column.data_type in ("date", "timestamp") and column.name not in ("updated_at", "hired_on")
        ]
        rows = [
            fields
            for fields in file.rows.values()
            if is_kept or not times or any(fields[position] >= str(GO_LIVE) for position in times)
        ]
        write_csv(directory / f"{table.name}.csv", file.header, rows)
    return directory


@pytest.fixture(scope="module")
def only(compiled) -> set[str]:
    """The models that a comparison reads."""
    return compiled.with_inputs("kpi_evaluation", "kpi_coverage")


def read(connection, columns: str) -> dict[tuple, tuple]:
    rows = connection.execute(
        f"select evaluation_name, kpi_id, segment_by, segment, {columns} from main.kpi_evaluation"
    ).fetchall()
    return {row[:4]: row[4:] for row in rows}


def _of(rows: dict[tuple, tuple], evaluation: str) -> dict[tuple, tuple]:
    return {key[1:]: values for key, values in rows.items() if key[0] == evaluation}


def test_the_baseline_is_that_of_the_snapshot_when_its_raw_data_are_gone(
    compiled, sample_warehouse, snapshots, after_go_live, only
):
    with compiled.run(
        after_go_live, snapshots=snapshots, inputs={"evaluations": WITH_SNAPSHOT}, only=only
    ) as then:
        assert not compiled.failed_data_tests(then, only)
        deals = "select count(*) from main.fct_deals"
        assert then.execute(deals).fetchall() < sample_warehouse.execute(deals).fetchall()
        baseline, current, differences, earlier = (
            read(then, columns) for columns in (BASELINE, CURRENT, "difference", "earlier_comparisons")
        )
    expected = read(sample_warehouse, BASELINE)
    common = baseline.keys() & expected.keys()
    assert len(common) > 0.9 * len(expected)
    assert {key: baseline[key] for key in common} == {key: expected[key] for key in common}
    # What happened after go-live is as it was.
    expected_current = read(sample_warehouse, CURRENT)
    unchanged = {key for key in common if current[key] == expected_current[key]}
    totals = {kpi_id for _, kpi_id, segment_by, _ in unchanged if segment_by == "all"}
    assert totals >= {"close_rate", "win_rate", "first_response_hours", "customer_satisfaction_score"}
    # So is the difference. Of the earlier comparisons one is left out: that of the half-year before go-live
    # with the one before, since nobody kept the weeks of the second half of 2024. Some have rows that begin
    # then and end later.
    expected_differences = read(sample_warehouse, "difference")
    assert {key: differences[key] for key in unchanged} == {
        key: expected_differences[key] for key in unchanged
    }
    expected_earlier = read(sample_warehouse, "earlier_comparisons")
    by_weeks = {key for key in unchanged if key[2] == "all" and key[1] in _BY_WEEKS}
    assert len(by_weeks) > 10
    lost = [expected_earlier[key][0] - earlier[key][0] for key in by_weeks]
    assert set(lost) == {0, 1}
    assert lost.count(1) > len(lost) / 2


def test_with_all_raw_data_the_snapshot_gives_the_same_evaluation(
    compiled, sample_warehouse, snapshots, only
):
    values = f"{BASELINE}, {CURRENT}"
    judged = "verdict, earlier_comparisons, usual_change"
    # Of the same two periods, once from the snapshot and once from the raw data.
    twice = (
        f"{WITH_SNAPSHOT} union all select * replace ('without' as evaluation_name)"
        " from compiled.settings.evaluations"
    )
    with compiled.run(SAMPLE_DIR, snapshots=snapshots, inputs={"evaluations": twice}, only=only) as then:
        assert not compiled.failed_data_tests(then, only)
        expected = read(sample_warehouse, f"{values}, {judged}")
        assert _of(read(then, f"{values}, {judged}"), "without") == _of(expected, "CRM introduction")
        assert _of(read(then, values), "CRM introduction") == _of(
            read(sample_warehouse, values), "CRM introduction"
        )
        found = _of(read(then, judged), "CRM introduction")
    expected = _of(read(sample_warehouse, judged), "CRM introduction")
    # What weeks do not add up to has no earlier comparisons: a snapshot has no months in common with today.
    by_weeks = {key for key in expected if key[0] in _BY_WEEKS}
    assert {key: found[key] for key in by_weeks} == {key: expected[key] for key in by_weeks}
    assert {found[key][1:] for key in expected.keys() - by_weeks} == {(0, None)}


# `crm-kpis run` refuses it before the build; `dbt build` by hand meets the test.
def test_a_snapshot_that_is_not_there_fails_a_test_that_says_what_to_do(compiled, tmp_path, only):
    with compiled.run(
        SAMPLE_DIR, snapshots=tmp_path, inputs={"evaluations": WITH_SNAPSHOT}, only=only
    ) as then:
        failures = compiled.failed_data_tests(then, only)
    ((name, problem),) = failures["assert_evaluations_have_a_before_and_an_after"]
    assert name == "CRM introduction"
    assert "there is no snapshot before go-live" in problem
    assert "take it with crm-kpis snapshot" in problem


def test_a_kpi_that_the_snapshot_defines_in_another_way_is_warned_of(compiled, snapshots, only):
    other = (
        "select * replace (case when kpi_id = 'close_rate' then 'another' else formula_en end as formula_en)"
        " from compiled.main.kpi_catalogue"
    )
    inputs = {"evaluations": WITH_SNAPSHOT, "kpi_catalogue": other}
    with compiled.run(SAMPLE_DIR, snapshots=snapshots, inputs=inputs, only=only) as then:
        failures = compiled.failed_data_tests(then, only)
    ((*_, kpi_id, part, _, catalogue_part),) = failures["assert_baseline_snapshots_are_defined_alike"]
    assert (kpi_id, part, catalogue_part) == ("close_rate", "formula_en", "another")
