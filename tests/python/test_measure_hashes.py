"""What counts as another definition of a measure, and what does not."""

from __future__ import annotations

import copy
import json

import duckdb
import pytest
from crm_kpis.published.measure_hashes import hash_settings, hash_sql
from crm_kpis.settings.declaration import read_declaration
from crm_kpis.settings.read import read_settings
from crm_kpis.settings.register import register_settings
from pipeline import SAMPLE_SETTINGS

CLOSED = "model.crm_kpis.measures_deals_closed"
RESPONSES = "model.crm_kpis.measures_tickets_created"


@pytest.fixture(scope="module")
def project(sample_build):
    return json.loads((sample_build.output / "dbt_target" / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def nodes(project):
    return project["nodes"]


def with_settings(project, change=None):
    """The hashes of the sample's settings, after a change of one."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("use warehouse")
        register_settings(connection, read_settings(SAMPLE_SETTINGS))
        if change:
            connection.execute(change)
        return hash_settings(connection, project["sources"])


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
        ("model.crm_kpis.int_deals", "= 'won'", "= 'lost'", True),
        # What the facts read.
        ("model.crm_kpis.dim_exchange_rates", "select", "select distinct", True),
        ("model.crm_kpis.fct_tickets", "select", "select distinct", False),
        ("model.crm_kpis.stg_deals", "select", "select distinct", False),
        ("model.crm_kpis.reporting_window", "cast(null as date)", "cast('2025-01-01' as date)", False),
        (CLOSED, "\n", "\n\n    -- a comment\n  ", False),
        # Whether names are published.
        (
            "model.crm_kpis.dim_users",
            "cast(null as TEXT) /* end of personal",
            "name /* end of personal",
            False,
        ),
        ("model.crm_kpis.dim_users", "'(none)'", "'none'", True),
    ],
)
def test_the_hash_of_a_measure_covers_its_sql_from_the_facts_on(nodes, unique_id, old, new, is_another):
    other = changed(nodes, unique_id, old, new)
    assert (hash_sql(other, CLOSED, {}) != hash_sql(nodes, CLOSED, {})) == is_another


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        ("delete from settings.business_hours where weekday = 5", True),
        ("update settings.holidays set day = day + 1", True),
        ("delete from settings.holidays", True),
        ("delete from settings.named_periods", False),
        # Nothing that a ticket reads.
        ("delete from settings.pipeline_stages", False),
    ],
)
def test_a_settings_table_is_part_of_the_definition(project, nodes, change, is_another):
    before, after = (hash_sql(nodes, RESPONSES, with_settings(project, what)) for what in (None, change))
    assert (before != after) == is_another


def test_the_order_of_rows_is_no_part_of_the_definition(project):
    turned = "create or replace table settings.holidays as from settings.holidays order by day desc"
    assert with_settings(project, turned) == with_settings(project)


def test_every_measure_of_the_sample_has_a_hash(sample_build):
    with duckdb.connect(sample_build.output / "kpis.duckdb", read_only=True) as connection:
        missing = connection.execute(
            "select numerator from marts.kpi_catalogue"
            " where numerator not in (select measure from marts.measure_definitions)"
        ).fetchall()
        different = connection.execute("select count(distinct sql_sha256) from marts.measure_definitions")
        assert missing == []
        assert different.fetchall()[0][0] > 40


def test_each_settings_table_defines_measures_or_has_a_reason_not_to():
    tables = read_declaration().tables
    # Periods, data, how raw files are written, and what compares values: none of it makes a value.
    others = {"named_periods", "crm_projects", "evaluations", "kpi_targets", "gate_rules"}
    others |= {"quotas", "benchmarks", "alert_rules", "alert_receivers"}
    others |= {"own_kpis", "own_columns", "raw_formats", "raw_columns", "value_words"}
    assert {name for name, table in tables.items() if not table.defines_measures} == others
