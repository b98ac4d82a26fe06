"""Personal data stay where they belong: in the raw directory and in the working file of the last run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from crm_kpis.published.connect import FILE_NAME
from crm_kpis.published.statistics import Statistics, TableCount
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.raw.formats import read_formats
from crm_kpis.raw.personal_keys import published_keys
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.run.examples import add_examples
from crm_kpis.run.gate import judge
from crm_kpis.run.observations import Observations
from crm_kpis.run.summary import format_rejections, read_summary
from crm_kpis.settings.checks import publishable_columns
from crm_kpis.settings.read import read_settings
from crm_kpis.sql import quote_identifier, quote_text
from pipeline import CONTRACT, SAMPLE_DIR, Build, csv_path, kpi_rows, read_csv
from pipeline import write_csv as write_rows

MARK = "personal-zq"
# The sample's settings publish the names of its users.
SHOWN = {("users", "name")}
PERSONAL = [
    (table.name, column.name)
    for table in CONTRACT.values()
    for column in table.columns
    if column.is_personal and (table.name, column.name) not in SHOWN
]


def texts(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each text column of the tables, as table.column, with all its distinct values."""
    for table in tables:
        for column, data_type, *_ in connection.execute(f"describe {table}").fetchall():
            if data_type == "VARCHAR":
                name = quote_identifier(column)
                values = connection.execute(f"select distinct {name} from {table}").fetchall()
                yield f"{table}.{column}", "\n".join(value for (value,) in values if value is not None)


def published_tables(manifest: Path) -> list[str]:
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    return [f"main.{node['name']}" for node in nodes if "published" in node.get("tags", [])]


@pytest.fixture(scope="module")
def marked_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, in which each personal value is a mark, also in rows that are rejected."""
    directory = tmp_path_factory.mktemp("marked")
    for table in CONTRACT:
        file = read_csv(csv_path(SAMPLE_DIR, table))
        rows = []
        for line, fields in file.rows.items():
            values = dict(zip(file.header, fields, strict=True))
            values |= {
                column: f"{MARK}-{column}-{line}@x.test" for owner, column in PERSONAL if owner == table
            }
            rows.append(list(values.values()))
        write_rows(directory / f"{table}.csv", file.header, rows)
    return directory


@pytest.mark.slow
def test_no_published_column_derives_from_a_personal_one(compiled, marked_dir, sample_build):
    published = published_tables(sample_build.output / "dbt_target" / "manifest.json")
    assert len(published) > 30
    with compiled.run(marked_dir) as warehouse:
        # The marks are read, staged and rejected: otherwise there would be nothing to find.
        for table, column in PERSONAL:
            (marked,) = warehouse.execute(
                f"select count(*) filter (where {column} like '{MARK}-%') from main.stg_{table}"
            ).fetchall()[0]
            assert marked > 0, (table, column)
        (rejected,) = warehouse.execute(
            f"select count(*) from main.rejected_rows where raw_row like '%{MARK}%'"
        ).fetchall()[0]
        assert rejected > 0
        assert [name for name, text in texts(warehouse, ["main.stg_users"]) if MARK in text] == [
            "main.stg_users.email"
        ]
        assert [name for name, text in texts(warehouse, published) if MARK in text] == []


@pytest.mark.slow
def test_forgetting_people_changes_no_kpi_but_of_records(compiled, marked_dir, sample_warehouse, tmp_path):
    for table in CONTRACT:
        file = read_csv(marked_dir / f"{table}.csv")
        rows = [
            ["" if value.startswith(MARK) else value for value in fields] for fields in file.rows.values()
        ]
        write_rows(tmp_path / f"{table}.csv", file.header, rows)
    with compiled.run(tmp_path, only=compiled.up_to_values) as warehouse:
        forgotten, known = kpi_rows(warehouse), kpi_rows(sample_warehouse)
    changed = {kpi_id for kpi_id in forgotten | known if forgotten.get(kpi_id) != known.get(kpi_id)}
    assert changed == {"duplicate_record_rate", "record_completeness_rate"}


def test_the_personal_columns_are_there_and_null(sample_build, sample_warehouse):
    published = published_tables(sample_build.output / "dbt_target" / "manifest.json")
    for raw_column, column in publishable_columns().items():
        table, name = column.split(".")
        assert f"main.{table}" in published
        (filled,) = sample_warehouse.execute(f"select count({name}) from main.{table}").fetchall()[0]
        assert (filled > 0) == (tuple(raw_column.split(".")) in SHOWN), column


@pytest.fixture(scope="module")
def people() -> tuple[set[str], set[str]]:
    """The e-mail addresses of the sample, and the names of its companies and of people who are no users."""
    addresses, names, others = set(), set(), set()
    for table in CONTRACT.values():
        file = read_csv(csv_path(SAMPLE_DIR, table.name))
        for column in table.columns:
            values = {value.strip() for value in file.column(column.name).values()}
            if not column.is_personal or (table.name, column.name) in SHOWN:
                others |= values
            elif column.name == "email":
                addresses |= {value.lower() for value in values}
            elif column.name in ("name", "company_name"):
                names |= {value for value in values if len(value) > 5}
    # Hostile texts that stand in all kinds of columns are nobody's name.
    return addresses - {""}, names - others


def found_in(text: str, people: tuple[set[str], set[str]]) -> set[str]:
    addresses, names = people
    # All names in one pass over the text.
    found = pl.Series([text]).str.extract_many(sorted(names), overlapping=True)[0].to_list()
    return set(found) | (addresses & set(re.findall(r"[\w.+-]+@[\w.-]+\w", text.lower())))


@pytest.mark.slow
def test_what_a_run_writes_and_says_names_nobody(sample_build: Build, people, run_cli, tmp_path):
    addresses, names = people
    assert len(addresses) > 1000
    assert len(names) > 300
    assert found_in(f"to {min(addresses)}, {min(names)}", people) == {min(addresses), min(names)}

    assert not found_in(sample_build.all_output, people)
    shutil.copy(sample_build.output / FILE_NAME, tmp_path)
    told = run_cli("snapshot", "now", "--output", tmp_path)
    assert told.returncode == 0, told.stderr
    searched = set()
    for path in (*sample_build.output.rglob("*"), *tmp_path.rglob("*")):
        # The working file holds what the models are made from. Everything else may be passed on.
        if path.is_dir() or path.name.startswith("warehouse.duckdb"):
            continue
        searched.add(path.suffix)
        if path.suffix == ".duckdb":
            with duckdb.connect(path, read_only=True) as connection:
                tables = connection.execute(
                    "select table_schema || '.' || table_name from information_schema.tables"
                ).fetchall()
                found = [
                    name
                    for name, text in texts(connection, (table for (table,) in tables))
                    if found_in(text, people)
                ]
        elif path.suffix == ".parquet":
            with duckdb.connect() as connection:
                found = [
                    name
                    for name, text in texts(connection, [quote_text(str(path))])
                    if found_in(text, people)
                ]
        else:
            found = found_in(path.read_text(encoding="utf-8", errors="replace"), people)
        assert not found, (path, found)
    assert {".duckdb", ".html", ".json", ".parquet", ".sql"} <= searched


@pytest.fixture
def addresses_as_keys(raw_dir, write_csv):
    write_csv("users.csv", "user_id,name", "ada@example.com,Ada", "u2,Bob")
    write_csv("deals.csv", "deal_id,created_at,status,owner_id", "d1,2025-01-01,open, ada@example.com ")
    return raw_dir


def test_keys_that_are_addresses_are_masked_and_join(compiled, addresses_as_keys, sample_build):
    published = published_tables(sample_build.output / "dbt_target" / "manifest.json")
    with compiled.run(addresses_as_keys) as warehouse:
        assert "assert_keys_are_no_addresses" not in compiled.failed_data_tests(warehouse)
        (joined,) = warehouse.execute(
            "select user_id from main.fct_deals join main.dim_users on owner_id = user_id"
        ).fetchall()
        assert re.fullmatch("address-[0-9a-f]{16}", joined[0])
        assert joined[0] in published_keys("ada@example.com")
        assert [name for name, text in texts(warehouse, published) if "ada@" in text] == []


def test_keys_that_are_addresses_are_warned_of_where_they_are_not_masked(
    compiled, addresses_as_keys, tmp_path
):
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "settings.yml").write_text("mask_addresses_in_keys: false\n", encoding="utf-8")
    with compiled.run(addresses_as_keys, settings=settings) as warehouse:
        found = compiled.failed_data_tests(warehouse)
    assert found["assert_keys_are_no_addresses"] == [("dim_users.user_id", 1), ("fct_deals.owner_id", 1)]


def load(raw_dir: Path, *queries: str, settings: str = "") -> list[list[tuple]]:
    """Register a raw directory, and ask."""
    (raw_dir / "settings").mkdir(exist_ok=True)
    (raw_dir / "settings" / "settings.yml").write_text(settings, encoding="utf-8")
    with duckdb.connect() as connection:
        formats = read_formats(read_settings(raw_dir / "settings"))
        register(connection, inspect(raw_dir, formats=formats))
        return [connection.execute(query).fetchall() for query in queries]


@pytest.fixture
def names_as_keys(raw_dir, write_csv, write_parquet):
    write_csv("users.csv", "user_id,name", "Ada Lovelace,Ada Lovelace", "u2,Bob", "u4,u3", "u5,(none)")
    write_csv("contacts.csv", "contact_id,first_name,last_name,phone", "c1,Grace,Hopper,0171 2345678")
    write_csv(
        "deals.csv",
        "deal_id,created_at,status,owner_id,account_id",
        "d1,2025-01-01,open, Ada Lovelace ,+49 30 1234567",
        'd2,2025-01-01,open,u2,"Hopper, Grace"',
        "d3,2025-01-01,open,Grace,0171 2345678",
        # An id in the column of names is no name, and neither is a reserved word.
        "d4,2025-01-01,open,u3,(none)",
    )
    write_parquet(
        "accounts.parquet",
        "select '+49 30 1234567' as account_id, 'Acme' as name, 'Ada Lovelace' as owner_id",
    )
    return raw_dir


_DEALS = "select trim(owner_id), account_id from raw.deals order by deal_id"
_ACCOUNTS = "select account_id, name, owner_id, _row_number from raw.accounts"


def test_keys_that_are_names_or_phones_are_masked_alike_in_each_file(names_as_keys):
    deals, accounts, users, masked = load(
        names_as_keys,
        _DEALS,
        _ACCOUNTS,
        "select user_id, name from raw.users order by _row_number",
        "from raw._masked_keys order by all",
    )
    assert re.fullmatch("name-[0-9a-f]{16}", users[0][0])
    ada = users[0][0]
    # What a column must not hold is found there alone: names stay in the column of names.
    assert users == [(ada, "Ada Lovelace"), ("u2", "Bob"), ("u4", "u3"), ("u5", "(none)")]
    ((phone, _, owner, _),) = accounts
    assert owner == ada
    assert re.fullmatch("phone-[0-9a-f]{16}", phone)
    (first, second, third, fourth) = deals
    assert fourth == ("u3", "(none)")
    assert first == (ada, phone)
    assert second[0] == "u2"
    assert re.fullmatch("name-[0-9a-f]{16}", second[1])
    # Who looks for them gives them as the CRM has them.
    assert ada in published_keys("Ada Lovelace ")
    assert phone in published_keys("+49 30 1234567")
    # The run names them.
    assert masked == [
        ("accounts", "account_id"),
        ("accounts", "owner_id"),
        ("deals", "account_id"),
        ("deals", "owner_id"),
        ("users", "user_id"),
    ]
    # A first name alone may be any word; a number of the column phone is one, however it is written.
    assert third[0] == "Grace"
    assert re.fullmatch("name-[0-9a-f]{16}", third[1])


def test_keys_stay_as_they_are_where_the_settings_say_so(names_as_keys):
    deals, accounts = load(names_as_keys, _DEALS, _ACCOUNTS, settings="mask_names_in_keys: false\n")
    assert deals[0] == ("Ada Lovelace", "+49 30 1234567")
    assert accounts == [("+49 30 1234567", "Acme", "Ada Lovelace", 1)]
    # A name that is published anyway may be a key.
    deals, accounts = load(
        names_as_keys, _DEALS, _ACCOUNTS, settings="publish_personal_columns: [users.name]\n"
    )
    assert deals[0][0] == accounts[0][2] == "Ada Lovelace"
    assert accounts[0][0].startswith("phone-")


def test_no_key_of_the_sample_is_masked(sample_warehouse):
    assert sample_warehouse.execute("select count(*) > 1000 from raw._personal_values").fetchall() == [
        (True,)
    ]
    for table in CONTRACT.values():
        for key in [column.name for column in table.columns if column.name.endswith("_id")]:
            masked = f"select {key} from raw.{table.name} where regexp_matches({key}, '^(name|phone)-')"
            assert sample_warehouse.execute(masked).fetchall() == [], (table.name, key)


def test_names_in_wrong_columns_are_shown_nowhere(compiled, raw_dir, write_csv, sample_build):
    write_csv("contacts.csv", "contact_id,first_name,last_name", "c1,Ada,Lovelace")
    write_csv(
        "deals.csv",
        "deal_id,created_at,status,amount,closed_at",
        "d1,2025-01-01,open,Ada Lovelace,",
        "d2,2025-01-01,open,,call +49 171 2345678",
        "d3,ada lovelace,open,,",
    )
    published = published_tables(sample_build.output / "dbt_target" / "manifest.json")
    file = str(raw_dir / "warehouse.duckdb")
    with compiled.run(raw_dir, file=file) as warehouse:
        shown = warehouse.execute(
            "select raw_value from main.rejected_records order by row_number"
        ).fetchall()
        assert shown == [("(name)",), ("call (phone)",), ("(name)",)]
        for name, text in texts(warehouse, published):
            assert "lovelace" not in text.lower(), name
            assert "2345678" not in text, name
    counts = tuple(TableCount("r", name, 3, 0, 3, 0) for name in ("deals",))
    findings = judge(Observations(Statistics(counts)), None, today=date(2026, 7, 1))
    findings = add_examples(Path(file), findings)
    lines = format_rejections(read_summary(Path(file), frozenset(["rejected_rows", "rejected_values"])))
    told = "\n".join([*lines, *(line for finding in findings for line in finding.examples)])
    assert "invalid_value of created_at" in told
    assert "(name)" in told
    assert "(phone)" in told
    assert "lovelace" not in told.lower()
    assert "2345678" not in told


def test_every_published_key_is_looked_at(sample_build, compiled):
    nodes = compiled.manifest["nodes"].values()
    keys = {
        f"{node['name']}.{column}"
        for node in nodes
        if "published" in node.get("tags", []) and node["name"].startswith(("dim_", "fct_"))
        for column in node["columns"]
        if column.endswith("_id")
    }
    # KPIs are named by the package.
    assert (
        set(re.findall(r"'(\w+\.\w+)' as key_column", compiled.data_tests["assert_keys_are_no_addresses"]))
        == keys
    )


def test_the_documentation_lists_what_is_personal_and_what_can_be_published():
    text = (PROJECT_DIR / "docs" / "personal_data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| (?:`(\w+\.\w+)`)?", text, flags=re.MULTILINE)
    documented = {f"{table}.{column}": target or None for table, column, target in rows}
    assert documented == {
        f"{table}.{column}": publishable_columns().get(f"{table}.{column}")
        for table, column in (*PERSONAL, *SHOWN)
    }
