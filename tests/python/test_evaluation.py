"""Evaluations of many companies, and what a typing error in the seeds of targets and evaluations comes to."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.sql import quote_text
from pipeline import Build
from power import LARGE, MOVED, SMALL, TRUE, Study, run
from sizes import size

# The figures of docs/evaluation_power.md are of more companies.
COMPANIES = {SMALL: size("COMPANIES", 2, 20), LARGE: size("LARGE_COMPANIES", 0, 6)}


@pytest.fixture(scope="module", params=[deals for deals, count in COMPANIES.items() if count])
def studies(request, compiled) -> tuple[Study, Study]:
    """The same companies with a CRM that works, and with one that changes nothing."""
    seeds = range(1, COMPANIES[request.param] + 1)
    return tuple(run(compiled, seeds, request.param, unchanged=unchanged) for unchanged in (False, True))


def test_evaluations_find_what_the_crm_moved(studies):
    worked, _ = studies
    assert sum(worked.found(kpi) for kpi in MOVED) >= worked.companies
    assert all(worked.found(kpi, "worsened") == 0 for kpi in MOVED)


def test_evaluations_claim_little_of_what_the_crm_left_alone(studies):
    """Of few companies one false claim is chance, two are not: 1 in 10 companies may have any."""
    worked, unchanged = studies
    assert sum(len(claimed - TRUE) for claimed in worked.claimed) <= max(1, 0.05 * worked.claims)
    assert unchanged.with_a_claim <= max(1, 0.1 * unchanged.companies)
    assert sum(unchanged.tested(kpi) for kpi in unchanged.totals) > 30 * unchanged.companies


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
