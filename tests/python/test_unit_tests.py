"""dbt's unit tests hold the SQL: what they say does not depend on the raw files at hand."""

from __future__ import annotations

import pytest
import sqlparse
import yaml
from crm_kpis.catalogue.measures import MEASURE_LINE, find_call
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.yaml_files import parse_yaml
from dbt import compilation
from dbt.contracts.graph.nodes import InjectedCTE
from dbt_crm_kpis import first_word
from pipeline import dbt_in, small_project

STAGING = PROJECT_DIR / "models" / "staging"
# A stand-in for what stg_deals reads beside the raw table.
REJECTED_ROWS = "select 'deals' as raw_table, cast(0 as bigint) as row_number"


@pytest.mark.slow
def test_unit_tests_of_staging_pass_on_parquet_of_native_types(tmp_path, raw_dir, write_parquet):
    write_parquet(
        "deals.parquet",
        "select 'd1' as deal_id, 'won' as status, timestamp '2024-01-01' as created_at,"
        " timestamp '2024-02-01' as closed_at, date '2024-02-01' as expected_close_on,"
        " cast(7 as decimal(9, 2)) as amount",
    )
    tests = parse_yaml((STAGING / "_unit_tests.yml").read_text(encoding="utf-8"))
    tests["unit_tests"] = [test for test in tests["unit_tests"] if test["model"] == "stg_deals"]
    assert tests["unit_tests"]
    project = small_project(
        tmp_path / "project",
        {
            "staging/stg_deals.sql": (STAGING / "stg_deals.sql").read_text(encoding="utf-8"),
            "staging/rejected_rows.sql": REJECTED_ROWS,
            "staging/_sources.yml": (STAGING / "_sources.yml").read_text(encoding="utf-8"),
            "staging/_unit_tests.yml": yaml.safe_dump(tests),
        },
    )
    built = dbt_in(project, "build", raw_dir=raw_dir)
    assert built.status == 0, built.stdout
    assert f"PASS stg_deals::{tests['unit_tests'][0]['name']}" in built.stdout


def test_unit_tests_of_measures_name_those_that_they_are_about():
    # Otherwise another line of the model would change what each of them expects.
    folder = PROJECT_DIR / "models" / "measures"
    for path in folder.glob("*/_unit_tests.yml"):
        for test in parse_yaml(path.read_text(encoding="utf-8"))["unit_tests"]:
            (model,) = folder.rglob(f"{test['model']}.sql")
            call = find_call(model.read_text(encoding="utf-8"))
            if call and call.macro != "median_measure":
                named = set(test["overrides"]["vars"]["tested_measures"])
                assert named <= {measure for _, measure in MEASURE_LINE.findall(call.block)}, test["name"]


def test_each_staging_model_has_a_unit_test_in_which_every_column_has_its_own_value():
    # Otherwise a column that is read from its neighbour goes unnoticed.
    sources = parse_yaml((STAGING / "_sources.yml").read_text(encoding="utf-8"))["sources"]
    (raw,) = [source for source in sources if source["name"] == "raw"]
    unit_tests = parse_yaml((STAGING / "_unit_tests.yml").read_text(encoding="utf-8"))["unit_tests"]
    expected = {test["name"]: test["expect"]["rows"] for test in unit_tests}
    for table in raw["tables"]:
        (row,) = expected[f"stg_{table['name']}_keeps_each_value_in_its_column"]
        values = [row[column["name"]] for column in table["columns"]]
        assert None not in values, table["name"]
        assert len(set(map(str, values))) == len(values), table["name"]


@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1 as b) select * from a",
        "\n-- with a comment\n/* with\nanother */\nWITH\na as (select 'with ' as b)\n\nselect * from a\n",
        "with  -- a comment\na as (select 1 as b) select * from a",
        "with  recursive a as (select 1 as b union all select b + 1 from a where b < 3) select * from a",
        "select 1 as b, 'with a as' as c",
        "-- with\n(select 1 as b)",
        "values (1)",
    ],
)
def test_given_rows_are_put_where_dbt_puts_them(monkeypatch, sql):
    given = [InjectedCTE(id=name, sql=f"{name} as (select 1 as x)") for name in ("one", "two")]
    monkeypatch.setattr(compilation, "sqlparse", sqlparse)
    expected = compilation.inject_ctes_into_sql(sql, given)
    first_word.read_first_word()
    assert compilation.sqlparse.parse is first_word.parse
    assert compilation.inject_ctes_into_sql(sql, given) == expected
