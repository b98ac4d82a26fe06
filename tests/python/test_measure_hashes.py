"""What counts as another definition of a measure, and what does not."""

from __future__ import annotations

import copy
import json

import duckdb
import pytest
from crm_kpis.published.measure_hashes import hash_sql
from crm_kpis.raw.contract import PROJECT_DIR

CLOSED = "model.crm_kpis.measures_deals_closed"
RESPONSES = "model.crm_kpis.measures_tickets_created"


@pytest.fixture(scope="module")
def nodes(sample_build):
    path = sample_build.output / "dbt_target" / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8"))["nodes"]


def changed(nodes, unique_id, old, new):
    other = copy.deepcopy(nodes)
    code = other[unique_id]["compiled_code"]
    assert old in code
    other[unique_id]["compiled_code"] = code.replace(old, new)
    return other


@pytest.mark.parametrize(
    ("unique_id", "old", "new", "is_another"),
    [
        (CLOSED, "filter (where is_won)", "filter (where not is_lost)", True),
        ("model.crm_kpis.fct_deals", "= 'won'", "= 'lost'", True),
        # What the facts read.
        ("model.crm_kpis.dim_exchange_rates", "select", "select distinct", True),
        ("model.crm_kpis.fct_tickets", "select", "select distinct", False),
        ("model.crm_kpis.stg_deals", "select", "select distinct", False),
        ("model.crm_kpis.reporting_window", "cast(null as date)", "cast('2025-01-01' as date)", False),
        (CLOSED, "\n", "\n\n    -- a comment\n  ", False),
    ],
)
def test_the_hash_of_a_measure_covers_its_sql_from_the_facts_on(nodes, unique_id, old, new, is_another):
    assert (hash_sql(changed(nodes, unique_id, old, new), CLOSED) != hash_sql(nodes, CLOSED)) == is_another


@pytest.mark.parametrize(
    ("seed", "is_another"), [("business_hours", True), ("holidays", True), ("named_periods", False)]
)
def test_a_setting_is_part_of_the_definition(nodes, seed, is_another):
    other = copy.deepcopy(nodes)
    other[f"seed.crm_kpis.{seed}"]["checksum"]["checksum"] = "another"
    assert (hash_sql(other, RESPONSES) != hash_sql(nodes, RESPONSES)) == is_another


def test_every_measure_of_the_sample_has_a_hash(sample_build):
    with duckdb.connect(sample_build.output / "kpis.duckdb", read_only=True) as connection:
        missing = connection.execute(
            "select numerator from marts.kpi_catalogue"
            " where numerator not in (select measure from marts.measure_definitions)"
        ).fetchall()
        different = connection.execute("select count(distinct sql_sha256) from marts.measure_definitions")
        assert missing == []
        assert different.fetchall()[0][0] > 40


def test_each_seed_is_a_setting_or_has_a_reason_not_to_be(nodes):
    seeds = {
        node["name"]: bool(node["config"]["meta"].get("defines_measures"))
        for node in nodes.values()
        if node["resource_type"] == "seed"
    }
    assert set(seeds) >= {path.stem for path in (PROJECT_DIR / "seeds").glob("*.csv")}
    # Periods, data, names and what compares values: none of it makes a value.
    others = {
        *("named_periods", "crm_projects", "kpi_catalogue", "measure_inputs", "evaluations", "kpi_targets"),
    }
    assert {name for name, is_setting in seeds.items() if not is_setting} <= others
