"""Evaluations of many companies, and evaluations that the data can't tell."""

from __future__ import annotations

import duckdb
import pytest
from crm_kpis.project import PROJECT_DIR
from crm_kpis.settings.read import read_settings
from crm_kpis.settings.register import register_settings
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.sql import quote_text
from crm_kpis.yaml_files import parse_yaml
from pipeline import SAMPLE_SETTINGS
from power import LARGE, MOVED, SMALL, TRUE, Study, run
from sizes import size

# The figures of docs/evaluation_power.md are of more companies.
COMPANIES = {SMALL: size("COMPANIES", 2, 20), LARGE: size("LARGE_COMPANIES", 0, 6)}


@pytest.fixture(scope="module", params=[deals for deals, count in COMPANIES.items() if count])
def studies(request, compiled) -> tuple[Study, Study]:
    """The same companies with a CRM that works, and with one that changes nothing."""
    seeds = range(1, COMPANIES[request.param] + 1)
    # What follows looks at totals.
    return tuple(
        run(compiled, seeds, request.param, unchanged=unchanged, with_segments=False)
        for unchanged in (False, True)
    )


@pytest.mark.slow
def test_evaluations_find_what_the_crm_moved(studies):
    worked, _ = studies
    assert sum(worked.found(kpi) for kpi in MOVED) >= worked.companies
    assert all(worked.found(kpi, "worsened") == 0 for kpi in MOVED)


@pytest.mark.slow
def test_evaluations_claim_little_of_what_the_crm_left_alone(studies):
    """Of few companies one false claim is chance, two are not: 1 in 10 companies may have any."""
    worked, unchanged = studies
    assert sum(len(claimed - TRUE) for claimed in worked.claimed) <= max(1, 0.05 * worked.claims)
    assert unchanged.with_a_claim <= max(1, 0.1 * unchanged.companies)
    assert sum(unchanged.tested(kpi) for kpi in unchanged.totals) > 30 * unchanged.companies


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("baseline_snapshot = 'go-live'", "take it with crm-kpis snapshot"),
        (
            "baseline_period = 'last 90 days', current_period = 'after the CRM'",
            "must end before current_period starts",
        ),
    ],
)
def test_an_evaluation_that_the_data_can_not_tell_fails_with_the_way_out(
    sample_build, compiled, change, problem
):
    query = compiled.data_tests["assert_evaluations_have_a_before_and_an_after"]
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("use warehouse")
        connection.execute(f"attach {quote_text(str(sample_build.warehouse))} as built (read_only)")
        connection.execute("create table main.periods as from built.main.periods")
        register_settings(connection, read_settings(SAMPLE_SETTINGS))
        register_snapshots(connection, sample_build.output / "no snapshots")
        assert not connection.execute(query).fetchall()
        connection.execute(f"update settings.evaluations set {change}")
        ((_, found),) = connection.execute(query).fetchall()
        assert problem in found


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_verdict_is_explained_to_managers(language):
    report = PROJECT_DIR / "scripts" / "crm_kpis" / "report" / "languages" / f"{language}.yml"
    words = parse_yaml(report.read_text(encoding="utf-8"))["verdicts"]
    page = (PROJECT_DIR / "docs" / "verdicts.md").read_text(encoding="utf-8")
    for verdict, said in words.items():
        # In the table the word is alone; the report adds a reason in parentheses.
        name = verdict if language == "en" else said.split(" (")[0]
        assert f"| {name} |" in page
