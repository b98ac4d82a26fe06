"""Comparisons of snapshots: each value's status and cause, definitions, formats and exit status."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from crm_kpis import cli
from crm_kpis.errors import InputError
from crm_kpis.snapshots.compare import compare
from crm_kpis.snapshots.take import take_snapshot
from snapshots import AS_OF, kpi, publish_marts, total, value

HOSTILE = "=cmd|' /C calc'!A1 [red]\x1b[31m<script>\u202e`"
Rows = list[dict[str, Any]]
Compared = dict[str, tuple[str, str | None, str | None]]
CompareStates = Callable[..., Compared]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
def compare_states(output: Path) -> CompareStates:
    """Compare two lists of values: status, cause and direction by the value's name; 'all' is left out."""

    def run(
        before: Rows,
        after: Rows,
        catalogues: tuple[Rows, Rows] | None = None,
        as_of: tuple[date, date] = (AS_OF, AS_OF),
        measures: tuple[dict[str, str] | None, dict[str, str] | None] = (None, None),
        **options: Any,
    ) -> Compared:
        catalogues = catalogues or ([kpi()], [kpi()])
        publish_marts(output, before, catalogues[0], as_of[0], measures[0])
        take_snapshot(output, "before", replace=True)
        publish_marts(output, after, catalogues[1], as_of[1], measures[1])
        with compare(output, "before", **options) as comparison:
            rows = list(comparison.changes())
            counted = sum(row["kpi_values"] for row in comparison.count() if row["status"] != "same")
        assert counted == len(rows)
        return {
            "/".join([row["kpi_id"], row["period_name"], row["segment"]]): (
                row["status"],
                row["cause"],
                row["direction"],
            )
            for row in rows
            if row["period_grain"] != "all"
        }

    return run


def only(compared: Compared) -> tuple[str, str | None, str | None]:
    (row,) = compared.values()
    return row


# Each value


def test_equal_values_are_the_same(compare_states):
    rows = [value(0.25), value(None, month="2026-04"), value(0.5, segment_by="owner", segment="Ann")]
    assert compare_states(rows, rows) == {}


@pytest.mark.parametrize(
    ("unit", "before", "after", "is_changed"),
    [
        ("count", 3, 4, True),
        ("count", 1e15, 1e15 + 1, True),
        ("count", 3, 3, False),
        ("ratio", 0.1 + 0.2, 0.3, False),
        ("ratio", 0.25, 0.25 * (1 + 9e-10), False),
        ("ratio", 0.25, 0.25 * (1 + 2e-9), True),
        ("currency", -1e9, -1e9 - 0.5, False),
        ("currency", -1e9, -1e9 - 2, True),
        ("ratio", 0, 1e-12, True),
        ("days", None, 0, True),
        ("days", 0, None, True),
    ],
)
def test_what_counts_as_changed(compare_states, unit, before, after, is_changed):
    catalogue = [kpi(unit=unit)]
    compared = compare_states([value(before)], [value(after)], (catalogue, catalogue))
    assert bool(compared) == is_changed
    if is_changed:
        assert only(compared)[0] == "changed"


def test_a_tolerance_holds_for_its_unit(compare_states):
    catalogue = [kpi(), kpi("won_revenue", unit="currency")]
    before = [value(0.25), value(100.0, "won_revenue")]
    after = [value(0.26), value(100.01, "won_revenue")]
    compared = compare_states(before, after, (catalogue, catalogue), tolerances={"currency": 0.011})
    assert compared.keys() == {"close_rate/2026-05/all"}


@pytest.mark.parametrize(
    ("good", "after", "direction"),
    [
        ("up", 0.3, "improved"),
        ("up", 0.2, "worsened"),
        ("down", 0.3, "worsened"),
        ("down", 0.2, "improved"),
        ("none", 0.3, None),
        ("up", None, None),
    ],
)
def test_the_catalogue_tells_better_from_worse(compare_states, good, after, direction):
    catalogue = [kpi(good=good)]
    compared = compare_states([value(0.25)], [value(after)], (catalogue, catalogue))
    assert only(compared) == ("changed", "late data", direction)


def test_a_value_of_a_running_period_is_no_late_data(compare_states):
    running = {"month": "2026-07", "is_complete": False}
    july = (date(2026, 7, 10), date(2026, 7, 20))
    assert only(compare_states([value(0.25, **running)], [value(0.5, **running)], as_of=july)) == (
        "changed",
        "period went on",
        "improved",
    )
    # As of one day, the period has not gone on.
    same_day = (july[0], july[0])
    assert only(compare_states([value(0.25, **running)], [value(0.5, **running)], as_of=same_day)) == (
        "changed",
        "other data",
        "improved",
    )


def test_a_total_grows_with_its_period_without_getting_better(compare_states):
    catalogues = ([total("deals_won")], [total("deals_won")])
    july = {"kpi_id": "deals_won", "month": "2026-07"}
    before, after = value(3, **july, is_complete=False), value(9, **july)
    as_of = (date(2026, 7, 10), date(2026, 7, 31))
    assert only(compare_states([before], [after], catalogues, as_of)) == ("changed", "period went on", None)
    # Of a period that was over, it is late data.
    late = compare_states([value(9, **july)], [value(8, **july)], catalogues, as_of)
    assert only(late) == ("changed", "late data", "worsened")


def test_a_named_period_that_moves_is_no_late_data(compare_states):
    last_days = {"period_grain": "named", "period_name": "last 30 days"}
    before = value(0.25, **last_days, period_start=date(2026, 6, 1), period_end=date(2026, 6, 30))
    after = value(0.5, **last_days, period_start=date(2026, 7, 2), period_end=date(2026, 7, 31))
    as_of = (AS_OF, date(2026, 7, 31))
    assert only(compare_states([before], [after], as_of=as_of)) == ("changed", "period went on", "improved")


def test_added_and_removed_values_have_a_cause(compare_states):
    ann, bob = ({"segment_by": "owner", "segment": name} for name in ("Ann", "Bob"))
    other_dimension = {"segment_by": "industry", "segment": "retail"}
    catalogue = [kpi(), kpi("win_rate"), kpi("churn_rate")]
    before = [value(0.1), value(0.2, **ann), value(0.3, month="2026-03"), value(0.4, "churn_rate")]
    after = [
        *(value(0.1), value(0.2, **bob), value(0.2, **other_dimension)),
        *(value(0.3, month="2026-06"), value(0.4, "win_rate")),
    ]
    assert compare_states(before, after, (catalogue, catalogue)) == {
        "close_rate/2026-05/Ann": ("removed", "late data", None),
        "close_rate/2026-05/Bob": ("added", "late data", None),
        "close_rate/2026-05/retail": ("added", "dimension", None),
        "close_rate/2026-03/all": ("removed", "period", None),
        "close_rate/2026-06/all": ("added", "period", None),
        "churn_rate/2026-05/all": ("removed", "KPI", None),
        "win_rate/2026-05/all": ("added", "KPI", None),
    }


def test_the_same_value_on_other_things_is_counted(output):
    publish_marts(output, [value(0.5, sample_size=10), value(0.5, month="2026-04")])
    take_snapshot(output, "before")
    publish_marts(output, [value(0.5, sample_size=20), value(0.5, month="2026-04")])
    with compare(output, "before") as comparison:
        (same,) = comparison.count()
    assert (same["status"], same["kpi_values"], same["rests_on_others"]) == ("same", 3, 1)


# Definitions


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"numerator": "created_deals_won"}, ("numerator", "deals_won", "created_deals_won")),
        ({"good": "down"}, ("good", "up", "down")),
        ({"per_unit": 3600}, ("per_unit", "1", "3600")),
        ({"squares": "x"}, ("squares", None, "x")),
    ],
)
def test_a_changed_definition_is_listed_and_its_values_are_not_worse(compare_states, output, change, part):
    before, after = [value(0.5), value(0.5, "win_rate")], [value(0.25), value(0.25, "win_rate")]
    catalogues = ([kpi(), kpi("win_rate")], [kpi(**change), kpi("win_rate")])
    assert compare_states(before, after, catalogues) == {
        "close_rate/2026-05/all": ("changed", "definition", None),
        "win_rate/2026-05/all": ("changed", "late data", "worsened"),
    }
    with compare(output, "before") as comparison:
        parts = [tuple(row.values()) for row in comparison.changed_parts()]
    assert parts == [("close_rate", *part)]


def test_labels_and_segments_are_no_part_of_the_definition(compare_states, output):
    catalogues = ([kpi()], [kpi(label_en="Rate of closing", segments="owner|industry")])
    compared = compare_states([value(0.5)], [value(0.25)], catalogues)
    assert only(compared) == ("changed", "late data", "worsened")
    with compare(output, "before") as comparison:
        assert comparison.changed_parts() == []


@pytest.mark.parametrize(
    ("measures", "parts"),
    [
        (({"deals_won": "abc"}, {"deals_won": "abd"}), ["sql of deals_won"]),
        (({"deals_won": "abc"}, {"deals_won": "abc"}), []),
        # An older snapshot may not know.
        ((None, {"deals_won": "abc"}), []),
        (({"deals_won": "abc", "unused": "x"}, {"deals_won": "abc", "unused": "y"}), []),
    ],
)
def test_other_sql_of_a_measure_is_another_definition(compare_states, output, measures, parts):
    cause, direction = only(compare_states([value(0.5)], [value(0.25)], measures=measures))[1:]
    assert (cause, direction) == (("definition", None) if parts else ("late data", "worsened"))
    with compare(output, "before") as comparison:
        assert [row["part"] for row in comparison.changed_parts()] == parts


# Two snapshots


def test_two_snapshots_are_compared_like_a_snapshot_with_what_is_published(compare_states, output):
    before = [value(0.25), value(0.5, month="2026-04"), value(0.125, month="2026-01")]
    after = [value(0.125), value(0.5, month="2026-04"), value(0.25, month="2026-06")]
    published = compare_states(before, after)
    take_snapshot(output, "after")
    publish_marts(output, [])
    assert compare_snapshots(output, "before", "after") == published
    assert compare_snapshots(output, "after", "after") == {}


def compare_snapshots(output: Path, *names: str) -> Compared:
    with compare(output, *names) as comparison:
        return {
            f"{row['kpi_id']}/{row['period_name']}/{row['segment']}": (
                row["status"],
                row["cause"],
                row["direction"],
            )
            for row in comparison.changes()
            if row["period_grain"] != "all"
        }


def test_a_damaged_or_missing_side_is_an_error(output):
    publish_marts(output, [value(0.25)])
    directory = take_snapshot(output, "whole")
    with pytest.raises(InputError, match="There is no snapshot missing"), compare(output, "missing"):
        pass
    with pytest.raises(InputError, match="There is no snapshot missing"), compare(output, "whole", "missing"):
        pass
    (directory / "kpi_values.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="is damaged"), compare(output, "whole"):
        pass


def test_it_can_be_compared_without_anything_published(output):
    publish_marts(output, [value(0.25)])
    take_snapshot(output, "first")
    (output / "kpis.duckdb").unlink()
    assert compare_snapshots(output, "first", "first") == {}
    with pytest.raises(InputError, match="Run crm-kpis run first"), compare(output, "first"):
        pass


# The command line


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `crm-kpis` in this process, which is quicker than in one of its own."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["crm-kpis", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Done(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def changed(output: Path) -> Path:
    """A snapshot and published marts that differ in each way."""
    owner = {"segment_by": "owner"}
    before = [value(0.5), value(0.5, month="2026-04"), value(0.5, "win_rate"), value(0.1, month="2026-01")]
    publish_marts(output, [*before, value(0.5, **owner, segment=HOSTILE)], [kpi(), kpi("win_rate")])
    take_snapshot(output, "before")
    after = [value(0.25), value(0.75, month="2026-04"), value(0.25, "win_rate"), value(0.1, month="2026-06")]
    catalogue = [kpi(), kpi("win_rate", formula_en="deals won / deals lost")]
    publish_marts(output, [*after, value(0.25, **owner, segment=HOSTILE)], catalogue)
    return output


def test_the_table_tells_numbers_definitions_and_changes(run_here, changed):
    done = run_here("compare", "before", "--output", changed)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith(f"Baseline: before, as of 2026-06-30 (crm-kpis {version('crm-kpis')}")
    assert lines[1].startswith(
        f"Current: what is published, as of 2026-06-30 (crm-kpis {version('crm-kpis')}"
    )
    assert "same 1 1" in lines
    assert "changed the KPI is defined in another way 1 1 0 0" in lines
    assert "changed late data: the period was over 3 1 1 2" in lines
    assert "added the period is not there on the other side 1 1" in lines
    assert "removed the period is not there on the other side 1 1" in lines
    assert "win_rate formula_en deals won / deals created deals won / deals lost" in lines
    assert "close_rate 2026-05 0.5 0.25 -50.0% worsened late data" in lines
    assert "close_rate 2026-04 0.5 0.75 +50.0% improved late data" in lines
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 140


def test_the_table_shows_as_many_changes_as_asked_for(run_here, changed):
    done = run_here("compare", "before", "--output", changed, "--top", "1")
    assert "The first 1 of 5 changes: late data, long periods and totals first" in done.stdout
    assert sum("%" in line for line in done.stdout.splitlines()) == 1
    none = run_here("compare", "before", "--output", changed, "--top", "0")
    assert "verdict" not in none.stdout


def test_json_holds_everything(run_here, changed):
    done = run_here("compare", "before", "--output", changed, "--format", "json", "--top", "1")
    result = json.loads(done.stdout)
    assert result["baseline"]["name"] == "before"
    assert result["current"]["as_of"] == "2026-06-30"
    assert sum(row["kpi_values"] for row in result["counts"]) == 7
    assert [row["part"] for row in result["definitions"]] == ["formula_en"]
    assert {row["status"] for row in result["changes"]} == {"changed", "added", "removed"}
    (hostile,) = (row for row in result["changes"] if row["segment_by"] == "owner")
    assert hostile["segment"] == HOSTILE
    assert not set("\x1b\u202e") & set(done.stdout)
    assert hostile["difference"] == -0.25
    assert hostile["relative_change"] == -0.5
    assert hostile["period_end"] == "2026-05-31"


def test_json_of_nothing_changed_is_json(run_here, output):
    publish_marts(output, [value(0.25)])
    take_snapshot(output, "same")
    done = run_here("compare", "same", "--output", output, "--format", "json")
    assert json.loads(done.stdout)["changes"] == []


def test_csv_has_a_row_for_each_change_and_no_formula(run_here, changed):
    done = run_here("compare", "before", "--output", changed, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["status"] for row in rows].count("definition") == 1
    assert {row["status"] for row in rows} == {"definition", "changed", "added", "removed"}
    assert len(rows) == 7
    (hostile,) = (row for row in rows if row["segment_by"] == "owner")
    assert hostile["segment"] == "'" + HOSTILE
    assert float(hostile["difference"]) == -0.25


def test_markdown_shows_tables_and_no_markup_of_the_data(run_here, changed):
    done = run_here("compare", "before", "--output", changed, "--format", "markdown")
    assert "### Values\n\n| status | why | values |" in done.stdout
    assert "<script>" not in done.stdout
    widths = [line.count("|") for line in done.stdout.splitlines() if line.startswith("|")]
    assert set(widths) == {7, 5, 9}


@pytest.mark.parametrize(
    ("fail_on", "message"),
    [
        (["changed"], "4 values changed"),
        (["worsened"], "2 values worsened"),
        (["removed"], "1 values are gone"),
        (["definition"], "1 parts of definitions changed"),
        (["changed", "removed"], "4 values changed, 1 values are gone"),
    ],
)
def test_it_fails_on_what_it_is_told_to(run_here, changed, fail_on, message):
    options = [part for key in fail_on for part in ("--fail-on", key)]
    done = run_here("compare", "before", "--output", changed, *options)
    assert (done.returncode, done.stderr) == (1, f"Failed: {message}.\n")
    take_snapshot(changed, "now")
    again = run_here("compare", "now", "--output", changed, *options)
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize(
    "tolerance", ["ratio", "ratio=", "ratio=x", "ratio=-1", "ratio=nan", "ratio=inf", "euro=1"]
)
def test_a_tolerance_that_is_none_is_refused(run_here, tolerance):
    done = run_here("compare", "before", "--tolerance", tolerance)
    assert done.returncode == 2
    assert (
        "is not one of ratio, currency, days, hours, score, count, number with =NUMBER behind it"
        in done.stderr
    )


@pytest.mark.parametrize("name", ["missing", "../before", ""])
def test_a_wrong_baseline_is_one_line_and_status_2(run_here, changed, name):
    done = run_here("compare", name, "--output", changed)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


# The sample


def test_the_sample_is_what_its_snapshot_says(sample_build, tmp_path):
    take_snapshot(sample_build.output, "sample", snapshots=tmp_path)
    with compare(sample_build.output, "sample", snapshots=tmp_path) as comparison:
        assert [row["status"] for row in comparison.count()] == ["same"]
        assert not comparison.changed_parts()
        assert not comparison.changed_raw_rows()
