"""Evaluations of many companies, and what a typing error in the seeds of targets and evaluations comes to."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.sql import quote_text
from pipeline import Build
from power import LINKED, MOVED, Study, run
from sizes import size

# The whole study has 200: see docs/evaluation_power.md.
COMPANIES = size("COMPANIES", 3, 25)
SURE = {
    *("win_rate", "sales_cycle_days", "stage_days", "first_response_hours"),
    *("resolution_hours", "resolution_business_hours", "service_level_rate"),
}


@pytest.fixture(scope="module")
def study(compiled) -> Study:
    return run(compiled, range(1, COMPANIES + 1))


def test_evaluations_find_what_the_generator_moved(study):
    for kpi in SURE:
        assert study.totals[kpi]["improved"] == COMPANIES, kpi
    assert all(study.totals[kpi]["worsened"] == 0 for kpi in MOVED)


def test_evaluations_claim_little_of_what_it_left_alone(study):
    """With few companies only the gross is seen: a KPI that each evaluation claims to have changed."""
    assert study.false_discovery_rate <= 0.2
    for kpi in set(study.totals) - MOVED - set(LINKED):
        assert study.claims(kpi) < max(2, 0.2 * COMPANIES), kpi


@pytest.fixture
def seeds(sample_build: Build) -> Iterator[duckdb.DuckDBPyConnection]:
    """The seeds of the sample's build, to be changed."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("use warehouse")
        connection.execute(f"attach {quote_text(str(sample_build.warehouse))} as built (read_only)")
        for table in ("kpi_targets", "evaluations", "named_periods", "kpi_catalogue", "periods"):
            connection.execute(f"create table main.{table} as from built.main.{table}")
        register_snapshots(connection, sample_build.output / "no snapshots")
        yield connection


def _target(change: str) -> str:
    return f"update main.kpi_targets set {change} where target_id = 'close_rate_2025'"


def _evaluation(change: str) -> str:
    return f"update main.evaluations set {change}"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_target("kpi_id = 'closing_rate'"), "not in the seed kpi_catalogue: closing_rate"),
        (_target("kpi_id = 'tickets_created'"), "take another KPI"),
        (_target("kind = 'percent'"), "must be absolute or relative"),
        (_target("target = null"), "must be given"),
        (_target("due_on = starts_on"), "due_on must be after starts_on"),
        (_target("baseline_period = null"), "needs a baseline_period"),
        (_target("baseline_period = 'before CRM'"), "not in the seed named_periods: before CRM"),
        (_target("kpi_id = 'churn_rate'"), "set an absolute target"),
        (_target("segment = 'a'"), "both be given, or both be empty"),
        (_target("segment_by = 'priority', segment = 'a'"), "none of the dimensions of this KPI: owner|"),
        (_evaluation("current_period = null"), "must be given"),
        (_evaluation("current_period = 'after CRM'"), "not in the seed named_periods: after CRM"),
        (_evaluation("baseline_period = '2024'"), "not in the seed named_periods: 2024"),
        (_evaluation("baseline_snapshot = 'go-live'"), "take it with crm-kpis snapshot"),
        (
            _evaluation("baseline_period = 'last 90 days', current_period = 'after the CRM'"),
            "must end before current_period starts",
        ),
    ],
)
def test_a_mistake_in_a_seed_fails_with_the_way_out(seeds, compiled, change, problem):
    query = compiled.data_tests["assert_targets_and_evaluations_are_known"]
    assert not seeds.execute(query).fetchall()
    seeds.execute(change)
    ((_, _, found),) = seeds.execute(query).fetchall()
    assert problem in found
