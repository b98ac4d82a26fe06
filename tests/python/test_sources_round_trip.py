"""A synthetic company turned round into each vendor's landed tables, and read back."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from crm_kpis.cli import cli
from crm_kpis.generate.landing import land_company, landable
from crm_kpis.generate.run import generate
from crm_kpis.published.connect import OFFLINE
from crm_kpis.sources.layout import read_vendor, vendors
from landing import Mapped, mapped
from pipeline import CompiledProject
from sizes import IS_FULL

pytestmark = pytest.mark.slow

# What is read back but not said: an id that is put together, who changed a stage, and what the next one ends.
UNSAID = {"ticket_events.event_id", "ticket_events.user_id", "deal_stages.exited_at"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("raw")
    generate(directory, deals=60, seed=3, flaws=False)
    return directory


def differences(said: duckdb.DuckDBPyConnection, back: Mapped, table: str) -> list[str]:
    """The columns of a raw table in which what was said and what was read back differ."""
    described = back.describe(table)
    columns = [row[0] for row in said.execute(f"describe said.{table}").fetchall()]
    filled = {
        f"{table}.{column}"
        for column in described
        if not column.startswith("_") and back.has_values(table, column)
    }
    unsaid = filled - {f"{table}.{column}" for column in columns} - UNSAID
    assert not unsaid, "what is read back must be said"
    rows = back.rows(table, *columns)
    types = ", ".join(f"cast({column} as {described[column]})" for column in columns)
    expected = said.execute(f"select {types} from said.{table} order by all").fetchall()
    texts = [tuple(map(str, row)) for row in rows], [tuple(map(str, row)) for row in expected]
    if sorted(texts[0]) == sorted(texts[1]):
        return []
    return [
        f"{table}.{column}"
        for number, column in enumerate(columns)
        if sorted(row[number] for row in texts[0]) != sorted(row[number] for row in texts[1])
    ] or [table]


# One of sales and one of service; make test-all compares the KPIs of all.
KPIS_OF = landable() if IS_FULL else ["hubspot/fivetran", "zendesk/airbyte"]
# How many KPIs have a value, at least.
FEWEST_KPIS = {"hubspot": 20, "pipedrive": 10, "salesforce": 20, "stripe": 5, "zendesk": 8}
# Days, weeks, months and quarters are sums of the same rows.
CONDITIONS = {"periods": "period_grain in ('year', 'all')"}


@pytest.mark.parametrize("vendor_and_loader", landable())
def test_a_company_is_read_back_as_it_was_landed(tmp_path: Path, raw: Path, vendor_and_loader: str) -> None:
    vendor, _, loader = vendor_and_loader.partition("/")
    mapping = tmp_path / "my.yml"
    mapping.write_text("pipedrive: {tables: [leads]}" if vendor == "pipedrive" else "")
    landed = tmp_path / "landed"
    landed.mkdir()
    with duckdb.connect(config=OFFLINE) as said:
        land_company(said, raw, read_vendor(vendor), loader, landed)
        back = mapped(landed, vendor, mapping=str(mapping))
        assert back.layouts == [loader]
        assert [text for text in back.warnings if "can't be read" in text] == []
        names = {
            row[0]
            for row in said.execute(
                "from duckdb_tables() select table_name where schema_name = 'said'"
            ).fetchall()
        }
        assert set(back.tables) <= names
        assert [difference for table in back.tables for difference in differences(said, back, table)] == []
    assert back.unbalanced() == []
    # Deleted, merged, test and draft records are there to be left out.
    assert back.left_out()


@pytest.mark.parametrize("vendor_and_loader", KPIS_OF)
def test_the_kpis_are_those_of_what_was_landed(
    tmp_path: Path, raw: Path, compiled: CompiledProject, vendor_and_loader: str
) -> None:
    vendor, _, loader = vendor_and_loader.partition("/")
    mapping = tmp_path / "my.yml"
    mapping.write_text("pipedrive: {tables: [leads]}" if vendor == "pipedrive" else "")
    landed, said_dir, back_dir = (tmp_path / name for name in ("landed", "said", "back"))
    for directory in (landed, said_dir, back_dir):
        directory.mkdir()
    with duckdb.connect(config=OFFLINE) as said:
        land_company(said, raw, read_vendor(vendor), loader, landed)
        back = mapped(landed, vendor, mapping=str(mapping))
        for table in back.tables:
            columns = [row[0] for row in said.execute(f"describe said.{table}").fetchall()]
            # Only what can be said counts. Ids that are put together are numbers here.
            columns += ["rowid as event_id"] if table == "ticket_events" and "event_id" not in columns else []
            said.execute(
                f"copy (select {', '.join(columns)} from said.{table}) to '{said_dir / table}.parquet'"
            )
            back.write(table, columns, back_dir / f"{table}.parquet")
    values = {}
    for directory in (said_dir, back_dir):
        with compiled.run(
            directory,
            as_of=date(2026, 6, 30),
            only=compiled.up_to_values,
            conditions=CONDITIONS,
            settings=None,
        ) as connection:
            values[directory] = connection.execute(
                "select kpi_id, period_grain, period_start, segment_by, segment, numerator, denominator,"
                " kpi_value from main.kpi_values where kpi_value is not null order by all"
            ).fetchall()
    assert len({row[0] for row in values[said_dir]}) >= FEWEST_KPIS[vendor]
    assert values[said_dir] == values[back_dir]


def test_each_loader_of_each_vendor_can_be_landed() -> None:
    layouts = [
        f"{vendor}/{layout.name}"
        for vendor in vendors()
        for layout in read_vendor(vendor).layouts
        if not layout.is_export
    ]
    assert landable() == layouts


def test_the_command_writes_landed_tables(tmp_path: Path) -> None:
    arguments = ["generate", "--as", "stripe/dlt", "--deals", "10", "--output", str(tmp_path)]
    result = CliRunner().invoke(cli, arguments)
    assert "invoice__lines__data" in result.output
    assert set(mapped(tmp_path, "stripe").tables) == {
        "accounts",
        "products",
        "orders",
        "order_items",
        "subscriptions",
    }
    for more, message in {
        (): "holds Parquet files already",
        ("--replace", "--format", "csv"): "--as writes Parquet files",
    }.items():
        assert message in str(CliRunner().invoke(cli, [*arguments, *more]).exception)
    wrong = CliRunner().invoke(
        cli, ["generate", "--as", "hubspot/dtl", "--deals", "1", "--output", str(tmp_path)]
    )
    assert "There are: hubspot/dlt, hubspot/fivetran, hubspot/airbyte, pipedrive/dlt" in str(wrong.exception)
