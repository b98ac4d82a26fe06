"""What is published keeps its promises: a contract for each table, a description for each column."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import duckdb
import pytest
from crm_kpis.raw.contract import PROJECT_DIR
from pipeline import Build, dbt_compile, dbt_in, small_project

# Types that every BI tool reads: no HUGEINT, no INTEGER that grows too small, no lists.
PLAIN_TYPE = re.compile(r"string|bigint|double|boolean|date|timestamp|decimal\(18, \d+\)")


@pytest.fixture(scope="module")
def manifest(sample_build: Build) -> dict[str, Any]:
    path = sample_build.output / "dbt_target" / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def published(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The published models and seeds by name."""
    return {node["name"]: node for node in manifest["nodes"].values() if "published" in node.get("tags", [])}


def types_in(warehouse: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    rows = warehouse.execute(
        "select column_name, lower(data_type) from information_schema.columns"
        " where table_schema = 'main' and table_name = ? order by ordinal_position",
        [table],
    ).fetchall()
    # What all engines call string, DuckDB calls VARCHAR.
    return {column: data_type.replace(",", ", ").replace("varchar", "string") for column, data_type in rows}


def test_the_star_and_the_marts_are_published_and_staging_is_not(published):
    assert {"kpi_catalogue", "kpi_values", "dim_dates", "dim_accounts", "fct_deals"} <= set(published)
    assert not {
        name
        for name in published
        if name.startswith(("stg_", "raw_c", "measures", "rejected_rows", "rejected_values"))
    }


def test_every_published_model_has_an_enforced_contract_of_plain_types(published, sample_warehouse):
    for name, node in published.items():
        if node["resource_type"] == "model":
            assert node["config"]["contract"]["enforced"], name
            promised = {column: entry["data_type"] for column, entry in node["columns"].items()}
            assert promised == types_in(sample_warehouse, name), name
        for column, data_type in types_in(sample_warehouse, name).items():
            assert PLAIN_TYPE.fullmatch(data_type), f"{name}.{column} is {data_type}"


def test_every_published_table_and_column_is_described(published, sample_warehouse):
    for name, node in published.items():
        assert node["description"].strip(), name
        assert list(node["columns"]) == list(types_in(sample_warehouse, name)), name
        silent = [column for column, entry in node["columns"].items() if not entry["description"].strip()]
        assert not silent, (name, silent)


# A declared primary key builds an index: three times the time, five times the file. So a data test holds it.
def test_every_published_table_of_many_rows_has_a_tested_key(published, manifest):
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    keyed = {
        node["attached_node"]
        for node in tests
        if ((node.get("test_metadata") or {}).get("kwargs") or {}).get("key")
    }
    without = {name for name, node in published.items() if node["unique_id"] not in keyed}
    # Two have one row, the others are made of tables with tested keys.
    assert without == {"reporting_window", "reporting_settings", "rejected_records", "account_timeline"}


def test_every_published_table_is_exposed_to_bi_tools(manifest, published):
    exposures = {exposure["name"]: exposure for exposure in manifest["exposures"].values()}
    names = {
        name: {node.rsplit(".", maxsplit=1)[1] for node in exposure["depends_on"]["nodes"]}
        for name, exposure in exposures.items()
    }
    assert names["bi_tools"] == set(published)
    directory = PROJECT_DIR / "scripts" / "crm_kpis" / "report" / "queries"
    queries = "".join(path.read_text(encoding="utf-8") for path in directory.glob("*.sql"))
    assert names["report"] == {name for name in published if re.search(rf"marts\.{name}\b", queries)}


# A stand-in for what dim_users reads.
STG_USERS = """
{{ config(contract={'enforced': false}) }}
select
    cast('u1' as varchar) as user_id, cast('n' as varchar) as name, cast('e' as varchar) as email,
    cast('t' as varchar) as team, cast('d' as varchar) as department, cast(null as varchar) as manager_id,
    cast(null as date) as hired_on, cast(null as date) as left_on
"""


@pytest.mark.slow
def test_a_data_test_that_warns_has_words_for_readers_of_the_report(manifest, sample_warehouse):
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    warning = [node for node in tests if node["config"]["severity"].lower() == "warn"]
    assert len(warning) == 7
    assert all(set(node["config"]["meta"]["label"]) == {"en", "de"} for node in warning)
    shown = [node for node in tests if "shows" in node["config"]["meta"]]
    assert len(shown) == 9
    for node in shown:
        line = node["config"]["meta"]["shows"]
        found = sample_warehouse.execute(f"select {line} from ({node['compiled_code']})").fetchall()
        assert all(isinstance(text, str) for (text,) in found), node["name"]


def test_a_status_that_is_no_word_of_the_contract_is_told(compiled, raw_dir, write_csv):
    words = ("Paid", "open", "canceled", "refunded", "", "Completed", "completed", "returned")
    orders = [f"{number},A,2024-01-05,10,{word}" for number, word in enumerate(words)]
    write_csv("orders.csv", "order_id,account_id,ordered_at,amount,status", *orders)
    words = ("Open", "pending", "resolved", "CLOSED", "", "New", "Solved", "solved")
    tickets = [f"{number},2024-01-05,,{word}" for number, word in enumerate(words)]
    tickets += ["resolved,2024-01-05,2024-01-06,done", "by an event,2024-01-05,,done"]
    write_csv("tickets.csv", "ticket_id,created_at,resolved_at,status", *tickets)
    event = "E,by an event,resolved,2024-01-06T10:00:00"
    write_csv("ticket_events.csv", "event_id,ticket_id,event_type,occurred_at", event)
    (node,) = (
        node for node in compiled.manifest["nodes"].values() if node["name"] == "assert_statuses_are_known"
    )
    only = compiled.with_inputs("stg_orders", "fct_tickets")
    with compiled.run(raw_dir, only=only) as warehouse:
        shown = warehouse.execute(
            f"select {node['config']['meta']['shows']} from ({node['compiled_code']})"
        ).fetchall()
    advice = "write its meaning into value_words.csv, as"
    assert sorted(shown) == [
        (f"completed in 2 rows of orders: {advice} orders,status,completed,paid",),
        (f"returned in 1 rows of orders: {advice} orders,status,returned,paid",),
        (f"solved in 2 rows of tickets: {advice} tickets,status,solved,resolved",),
    ]


def test_amounts_with_dots_between_thousands_are_told(compiled, raw_dir, write_csv, write_parquet):
    query = compiled.data_tests["assert_amounts_have_no_marks_between_thousands"]
    german = ["1.234", " 12.500 ", "-3.000", "950", *("1.000" for _ in range(7))]
    cents = [*german, "3.5"]
    for table, values in (("deals", german), ("orders", cents), ("costs", german[:9])):
        write_csv(
            f"{table}.csv",
            "amount,deal_id,created_at,status,order_id,account_id,ordered_at,cost_id,incurred_on,purpose",
            *(f"{value},,,,,,,,," for value in values),
        )
    write_parquet(
        "subscriptions.parquet",
        "select 'S' as subscription_id, 'A' as account_id, current_date as started_on,"
        " cast(1.234 as decimal(9, 3)) as monthly_amount from range(20)",
    )
    with compiled.run(raw_dir, only=set()) as warehouse:
        assert warehouse.execute(query).fetchall() == [("deals", "amount", 10, "-3.000")]


@pytest.mark.slow
def test_midnights_are_told_west_of_greenwich(compiled, raw_dir, write_csv, tmp_path):
    name = "assert_days_are_not_taken_for_times"
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "settings.yml").write_text("reporting_time_zone: America/New_York\n", encoding="utf-8")
    target = dbt_compile(tmp_path / "output", name, CRM_KPIS_SETTINGS=str(settings))
    (in_new_york,) = target.glob(f"compiled/**/{name}.sql")
    deals = [f"{number},2024-01-05 00:00:00,won,2024-01-05 00:00:0{number % 2}" for number in range(20)]
    write_csv("deals.csv", "deal_id,created_at,status,closed_at", *deals)
    # Too few to tell.
    write_csv("leads.csv", "lead_id,created_at", *(f"{number},2024-01-05T00:00" for number in range(19)))
    staging = {model for model in compiled.models if model.startswith("stg_")}
    with compiled.run(raw_dir, only=compiled.with_inputs(*staging)) as warehouse:
        assert warehouse.execute(in_new_york.read_text(encoding="utf-8")).fetchall() == [
            ("deals", "created_at", 20)
        ]
        assert warehouse.execute(compiled.data_tests[name]).fetchall() == []


def test_a_table_whose_rows_all_came_later_needs_no_kpi(compiled, raw_dir, write_csv):
    write_csv("deals.csv", "deal_id,created_at,status", "D1,2026-06-23,open")
    write_csv("leads.csv", "lead_id,created_at", "L1,2024-01-05")
    query = compiled.data_tests["assert_kpis_are_there_where_raw_rows_are"]
    found = {}
    for as_of in (date(2023, 12, 31), date(2024, 6, 30)):
        with compiled.run(raw_dir, as_of, only=compiled.up_to_values) as warehouse:
            found[as_of.year] = warehouse.execute(f"select raw_table from ({query})").fetchall()
    # Before all of them no KPI has a value.
    assert {year: sorted(rows) for year, rows in found.items()} == {2023: [("deals",), ("leads",)], 2024: []}


@pytest.mark.slow
def test_a_column_that_changes_its_type_fails_the_build(tmp_path):
    directory = PROJECT_DIR / "models" / "dimensions"
    sql = (directory / "dim_users.sql").read_text(encoding="utf-8")
    project = small_project(
        tmp_path / "project",
        {
            "dimensions/dim_users.sql": sql,
            "dimensions/stg_users.sql": STG_USERS,
            "dimensions/_dimensions.yml": (directory / "_dimensions.yml").read_text(encoding="utf-8"),
        },
    )
    assert dbt_in(project, "run").status == 0

    changed = sql.replace("    hired_on,", "    cast(hired_on as timestamp) as hired_on,")
    (project / "models" / "dimensions" / "dim_users.sql").write_text(changed, encoding="utf-8")
    failed = dbt_in(project, "run")
    assert failed.status == 1
    assert "contract" in failed.stdout
    assert re.search(r"hired_on\s*\|\s*TIMESTAMP\s*\|\s*DATE", failed.stdout), failed.stdout
    # The table of the run before is still there.
    with duckdb.connect(project / "output" / "warehouse.duckdb", read_only=True) as warehouse:
        types = warehouse.execute("select distinct typeof(hired_on) from dim_users").fetchall()
    assert types == [("DATE",)]


@pytest.mark.slow
def test_a_model_may_become_a_view_and_a_view_a_table(tmp_path):
    model = "{{{{ config(materialized='{}') }}}} select {} as number"
    project = small_project(
        tmp_path / "project", {"one.sql": model.format("table", 1), "other.sql": model.format("view", 1)}
    )
    assert dbt_in(project, "run").status == 0

    (project / "models" / "one.sql").write_text(model.format("view", 2), encoding="utf-8")
    (project / "models" / "other.sql").write_text(model.format("table", 2), encoding="utf-8")
    built = dbt_in(project, "run")
    assert built.status == 0, built.stdout
    with duckdb.connect(project / "output" / "warehouse.duckdb", read_only=True) as warehouse:
        assert warehouse.execute("select one.number, other.number from one, other").fetchall() == [(2, 2)]
        tables = warehouse.execute(
            "select table_name, table_type from information_schema.tables where table_schema = 'main'"
            " order by all"
        )
        assert tables.fetchall() == [("one", "VIEW"), ("other", "BASE TABLE")]


@pytest.mark.slow
@pytest.mark.parametrize("contract", ["false", "true"])
def test_the_hooks_of_a_model_are_run_before_and_after_it(tmp_path, contract):
    model = """
        {{ config(
            materialized='table',
            pre_hook="create table first_hook as select 1 as number",
            post_hook="insert into {{ this }} select 3 as number",
        ) }}
        select number + 1 as number from first_hook
    """
    properties = "{models: [{name: hooked, columns: [{name: number, data_type: integer}], config: {contract: "
    properties += f"{{enforced: {contract}}}}}}}]}}"
    project = small_project(tmp_path / "project", {"hooked.sql": model, "_hooked.yml": properties})
    build = dbt_in(project, "run")
    assert build.status == 0, build.stdout
    with build.connect() as warehouse:
        assert warehouse.execute("select number from hooked order by number").fetchall() == [(2,), (3,)]


@pytest.mark.slow
def test_a_broken_promise_is_told_by_key_column_and_value(tmp_path):
    project = small_project(
        tmp_path / "project",
        {
            "parent.sql": "select 'p1' as parent_id",
            "child.sql": """
                select * from (values
                    ('c1', 1, 'p1', 'small', 'x'), ('c1', 1, 'p2', 'large', 'x'),
                    (null, 2, null, 'huge', null), ('c2', 1, 'p1', null, 'y')
                ) as rows_of_child (child_id, number, parent_id, size, name)""",
            "_models.yml": """
models:
  - name: child
    data_tests:
      - integrity:
          name: integrity_child
          arguments:
            key: [child_id, number]
            foreign_keys:
              parent_id: {to: ref('parent'), key: parent_id}
            never_null: [name, number]
            sets:
              size: [small, "large"]
              name: [x, y]
      - integrity:
          name: integrity_child_whole
          arguments:
            never_null: [number]
""",
        },
    )
    (project / "tests").mkdir()
    (project / "tests" / "generic").symlink_to(PROJECT_DIR / "tests" / "generic")

    built = dbt_in(project, "build")
    assert built.status == 1, built.all_output
    assert "FAIL 7 integrity_child" in built.stdout
    assert "PASS integrity_child_whole" in built.stdout
    (query,) = project.glob("target/compiled/**/integrity_child.sql")
    with duckdb.connect(project / "output" / "warehouse.duckdb", read_only=True) as warehouse:
        rows = warehouse.execute(f"from ({query.read_text(encoding='utf-8')}) order by all").fetchall()
    assert rows == [
        ("a part of the key is missing", "child_id, number", "NULL, 2", 1),
        ("is missing", "name", None, 1),
        ("is not accepted", "name", None, 1),
        ("is not accepted", "size", "huge", 1),
        ("is not accepted", "size", None, 1),
        ("matches nothing in parent.parent_id", "parent_id", "p2", 2),
        ("the key is repeated", "child_id, number", "c1, 1", 2),
    ]
