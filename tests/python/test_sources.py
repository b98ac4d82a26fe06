"""Where landed tables lie, what landed them, and several sources at once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from crm_kpis.cli import cli
from crm_kpis.errors import InputError
from crm_kpis.settings.read import read_settings as read_company_settings
from crm_kpis.sources.docs import DOCS_DIR, render_page
from crm_kpis.sources.layout import LAYOUTS_DIR, TYPES, read_vendor, vendors
from crm_kpis.sources.source import SourceSettings, configured_sources, read_settings
from landing import Mapped, Rows, land, mapped, utc

DEAL = {"id": "1", "createdate": utc("2024-01-10T10:00:00"), "dealstage": "closedwon", "is_deleted": False}
HUBSPOT: dict[str, Rows] = {
    "deals": [DEAL | {"closedate": utc("2024-03-05T00:00:00"), "amount": 7.0, "pipeline": "default"}],
    "pipelines_deals": [{"id": "default", "label": "Sales", "_dlt_id": "p"}],
    "companies": [
        {"id": "901", "name": "Alder", "_dlt_id": "c"},
        {"id": "902", "name": "Birch", "_dlt_id": "d"},
    ],
    "companies__deals": [{"value": "901", "deals_id": "1", "_dlt_parent_id": "c"}],
}
ZENDESK: dict[str, Rows] = {
    "organization": [
        {"id": 1, "name": "Alder", "external_id": "901"},
        {"id": 2, "name": "Cedar", "external_id": None},
    ],
    "ticket": [
        {"id": number, "created_at": utc("2024-03-01"), "status": "open", "organization_id": number}
        for number in (1, 2)
    ],
}


def land_in_duckdb(path: Path, schema: str, tables: dict[str, Rows], directory: Path) -> Path:
    land(directory, tables)
    with duckdb.connect(path) as connection:
        connection.execute(f"create schema {schema}")
        for table in tables:
            connection.execute(
                f"create table {path.stem}.{schema}.{table} as from '{directory / table}.parquet'"
            )
    return path


def both(tmp_path: Path, **more: Any) -> Mapped:
    sources = [
        {"vendor": "zendesk", "landed": str(land(tmp_path / "zendesk", ZENDESK))},
        {"vendor": "hubspot", "landed": str(land(tmp_path / "hubspot", HUBSPOT))},
    ]
    return Mapped(read_settings({"sources": sources} | more, tmp_path, "the test"))


def test_ids_carry_the_name_of_their_source(tmp_path: Path) -> None:
    result = both(tmp_path)
    assert result.row("deals", "deal_id", "account_id") == ("hubspot:1", "hubspot:901")
    accounts = ["hubspot:901", "hubspot:902", "zendesk:1", "zendesk:2"]
    assert [row[0] for row in result.rows("accounts", "account_id")] == accounts
    assert [row[0] for row in result.rows("accounts", "_row_number")] == [1, 2, 3, 4]


def test_accounts_of_two_sources_meet_by_the_declared_column_only(tmp_path: Path) -> None:
    result = both(tmp_path, match=["zendesk.organization.external_id = hubspot.company.id"])
    accounts = ["hubspot:901", "hubspot:902", "zendesk:2"]
    assert [row[0] for row in result.rows("accounts", "account_id")] == accounts
    assert result.rows("tickets", "ticket_id", "account_id") == [
        ("zendesk:1", "hubspot:901"),
        ("zendesk:2", "zendesk:2"),
    ]
    assert result.left_out()["table accounts: matched with an account of another source"] == 1
    assert result.unbalanced() == []
    # Each source counts its own rows.
    assert result.counts("accounts") == {"hubspot": (2, 2), "zendesk": (2, 1)}
    (warning,) = [text for text in result.warnings if "accounts" in text]
    assert warning == (
        "zendesk: 1 of 2 accounts are none of hubspot: 1 have no organization.external_id, 0 one that is no"
        " company.id there. They stay accounts of their own."
    )


def test_accounts_that_nothing_matches_are_said_to_stay_apart(tmp_path: Path) -> None:
    (warning,) = [text for text in both(tmp_path).warnings if "accounts" in text]
    assert warning.startswith("hubspot: its accounts are others than those of zendesk, since no match says")


def test_an_account_that_was_matched_itself_is_matched_with_the_first(tmp_path: Path) -> None:
    # Stripe names Zendesk's account, which is HubSpot's; whatever the order in which they are given.
    customers = [{"id": "cus_1", "name": "Alder", "metadata": '{"crm_id": "1"}', "_fivetran_synced": None}]
    sources = [
        {"vendor": "stripe", "landed": str(land(tmp_path / "stripe", {"customer": customers}))},
        {"vendor": "zendesk", "landed": str(land(tmp_path / "zendesk", ZENDESK))},
        {"vendor": "hubspot", "landed": str(land(tmp_path / "hubspot", HUBSPOT))},
    ]
    match = {
        "stripe.customer.external_id": "zendesk.organization.id",
        "zendesk.organization.external_id": "hubspot.company.id",
    }
    result = Mapped(read_settings({"sources": sources, "match": match}, tmp_path, "the test"))
    assert [row[0] for row in result.rows("accounts", "account_id")] == [
        "hubspot:901",
        "hubspot:902",
        "zendesk:2",
    ]
    with pytest.raises(InputError, match=r"match leads from zendesk back to zendesk\."):
        both(tmp_path, match=match | {"hubspot.company.id": "zendesk.organization.id"})


@pytest.mark.parametrize("written", ["0015g00000AbCdE", "0015g00000AbCdEAAV", " 0015g00000AbCdEAAV "])
def test_a_salesforce_id_of_15_letters_is_that_of_18(tmp_path: Path, written: str) -> None:
    ids = ("0015g00000AbCdEAAV", "0015g00000aBCdEAAW")
    accounts: Rows = [{"Id": key, "Name": key, "SystemModstamp": utc("2024-01-01")} for key in ids]
    organizations: Rows = [{"id": 1, "name": "Alder", "external_id": written}]
    sources = [
        {"vendor": "zendesk", "landed": str(land(tmp_path / "z", ZENDESK | {"organization": organizations}))},
        {"vendor": "salesforce", "landed": str(land(tmp_path / "s", {"Account": accounts}))},
    ]
    match = ["zendesk.organization.external_id = salesforce.account.id"]
    result = Mapped(read_settings({"sources": sources, "match": match}, tmp_path, "the test"))
    assert result.rows("accounts", "account_id") == [(f"salesforce:{key}",) for key in ids]
    # Letters differ by case: the other account is another one.
    assert result.rows("tickets", "ticket_id", "account_id")[0] == ("zendesk:1", f"salesforce:{ids[0]}")


def test_a_raw_file_that_takes_the_place_of_a_source_is_said(tmp_path: Path) -> None:
    settings = read_settings(
        {"sources": [{"vendor": "hubspot", "landed": str(land(tmp_path, HUBSPOT))}]}, tmp_path, "the test"
    )
    result = Mapped(settings, skipped=("deals", "costs", "leads"))
    assert set(result.tables) == {"accounts"}
    assert result.warnings[-1] == (
        "hubspot: the deals of the raw directory are read in place of those of hubspot (dlt)."
    )
    assert not any("costs" in warning or "leads of" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ("zendesk.organization.external_id", "must read like"),
        (
            "zendesk.organisation.external_id = hubspot.company.id",
            r"does not have\. There are: organization,",
        ),
        ("zendesk.organization.external_id = pipedrive.person.id", "there is no other source pipedrive"),
    ],
)
def test_a_match_that_names_nothing_is_an_error(tmp_path: Path, match: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        both(tmp_path, match=[match])


def test_a_schema_of_a_duckdb_file_is_read(tmp_path: Path) -> None:
    # The file and its schema have one name, which DuckDB finds ambiguous.
    database = land_in_duckdb(tmp_path / "hubspot.duckdb", "hubspot", HUBSPOT, tmp_path / "landed")
    for schema in ("hubspot", "HubSpot", None):
        source = {"vendor": "hubspot", "database": str(database), "schema": schema}
        result = Mapped(read_settings({"sources": [source]}, tmp_path, "the test"))
        assert result.row("deals", "deal_id", "amount::int") == ("1", 7)


def read_database(database: Path, schema: str | None = None) -> None:
    source = {"vendor": "hubspot", "database": str(database), "schema": schema}
    Mapped(read_settings({"sources": [source]}, Path.cwd(), "the test"))


def test_a_schema_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    database = land_in_duckdb(tmp_path / "crm.duckdb", "sales", HUBSPOT, tmp_path / "landed")
    with pytest.raises(InputError, match=r"has no schema hubspot with tables\. There are: sales\."):
        read_database(database, "hubspot")
    with duckdb.connect(database) as connection:
        connection.execute("create schema other; create table other.x as select 1 as y")
    with pytest.raises(InputError, match=r"has these schemas: other, sales\. Name the right one"):
        read_database(database)
    with pytest.raises(InputError, match="does not exist: check the path"):
        read_database(tmp_path / "none.duckdb")


def test_a_file_that_a_loader_writes_says_who_holds_it(tmp_path: Path) -> None:
    database = land_in_duckdb(tmp_path / "crm.duckdb", "sales", HUBSPOT, tmp_path / "landed")
    code = f"import duckdb; c = duckdb.connect({str(database)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as loader:
        assert loader.stdout is not None
        loader.stdout.readline()
        with pytest.raises(InputError, match=rf"being written by another process: .*PID {loader.pid}"):
            read_database(database)
        loader.communicate("\n")


def test_two_layouts_in_one_place_are_an_error(tmp_path: Path) -> None:
    land(tmp_path, HUBSPOT | {"deal": [{"deal_id": 1}]})
    with pytest.raises(
        InputError, match=r"pipelines_deals\) and Fivetran \(table deal\) land it\. Keep the tables"
    ):
        mapped(tmp_path, "hubspot")


def test_a_layout_is_recognised_by_its_columns_where_no_table_names_the_loader(tmp_path: Path) -> None:
    deal = {
        "id": 7,
        "properties_dealstage": "closedwon",
        "properties_amount": "5",
        "properties_pipeline": "p",
    }
    moments = {"properties_createdate": "2024-01-10T10:00:00.000Z", "properties_closedate": "1709596800000"}
    result = mapped(land(tmp_path, {"deals": [deal | moments]}), "hubspot")
    assert result.layouts == ["airbyte"]
    # Milliseconds since 1970 stand as a text where JSON was taken apart.
    assert result.row("deals", "deal_id", "status", "closed_at") == ("7", "won", "2024-03-05 00:00:00")


def test_names_in_capitals_are_read(tmp_path: Path) -> None:
    # As Snowflake unloads them.
    deal = {"ID": "1", "DEALSTAGE": "closedwon", "CREATEDATE": utc("2024-01-10"), "_DLT_ID": "d"}
    amounts = {"AMOUNT": None, "AMOUNT__V_DOUBLE": 7.5, "IS_DELETED": False}
    deleted = deal | amounts | {"ID": "2", "IS_DELETED": True}
    result = mapped(land(tmp_path, {"DEALS": [deal | amounts, deleted]}), "hubspot")
    assert result.layouts == ["dlt"]
    assert result.rows("deals", "deal_id", "status", "amount::text") == [("1", "won", "7.5000")]
    assert result.left_out() == {"entity deal: deleted": 1}


def test_an_unknown_layout_is_named_with_what_is_looked_for(tmp_path: Path) -> None:
    land(tmp_path, {"opportunities": [{"id": 1}]})
    with pytest.raises(
        InputError, match=r"HubSpot in no known layout\. Its tables: opportunities\. Looked for any"
    ):
        mapped(tmp_path, "hubspot")


def test_a_renamed_column_is_named_with_the_way_out(tmp_path: Path) -> None:
    tables = HUBSPOT | {"deals": [DEAL | {"closed_on": utc("2024-03-05"), "pipeline": "default"}]}
    result = mapped(land(tmp_path / "a", tables), "hubspot")
    warning = next(text for text in result.warnings if "table deals" in text)
    assert "the table deals has no column closedate, hubspot_owner_id, amount." in warning
    assert "--mapping names it: hubspot: {deal: {close_at: closed_on}}." in warning
    without_key = {name: value for name, value in DEAL.items() if name != "id"}
    with pytest.raises(
        InputError, match=r"deals has no column id, which tells records apart\..*deal_id: NAME"
    ):
        mapped(land(tmp_path / "b", HUBSPOT | {"deals": [without_key]}), "hubspot")


def test_an_empty_table_is_said(tmp_path: Path) -> None:
    land(tmp_path, {name: rows for name, rows in HUBSPOT.items() if name != "deals"})
    with duckdb.connect() as connection:
        query = "select null::varchar as id, null::timestamp as createdate where false"
        connection.execute(f"copy ({query}) to '{tmp_path / 'deals.parquet'}'")
    result = mapped(tmp_path, "hubspot")
    assert result.rows("deals", "deal_id") == []
    assert "hubspot: no rows are landed in deals." in result.warnings


def test_values_that_can_not_be_read_are_counted(tmp_path: Path) -> None:
    tables = HUBSPOT | {
        "deals": [DEAL | {"amount": "a lot", "closedate": ""}, DEAL | {"id": "2", "amount": " 5 "}]
    }
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deals", "deal_id", "amount::int") == [("1", None), ("2", 5)]
    assert "hubspot: 1 values of deal.amount can't be read, and are taken as missing." in result.warnings


@pytest.mark.parametrize(
    "moments",
    [
        [
            *("2024-03-05T02:30:00+02:30", "2024-03-04T19:00:00.000-0500", "2024-03-05 00:00:00+00"),
            *("2024-03-05T00:00:00.000000Z", "2024-03-05 00:00:00 UTC", " 2024-03-05T00:00:00Z "),
            *("2024-03-05", "2024-03-05 00:00", "1709596800", "1709596800.0", "1709596800000"),
            *("1709596800000000", "1709596800000000000"),
        ],
        [1709596800, 1709596800000, 1709596800000000, 1709596800000000000],
        [1709596800.0],
    ],
)
def test_a_moment_is_the_same_however_it_is_written(tmp_path: Path, moments: list[Any]) -> None:
    deals = [
        DEAL | {"id": str(number), "closedate": moment, "pipeline": "default"}
        for number, moment in enumerate(moments)
    ]
    result = mapped(land(tmp_path, HUBSPOT | {"deals": deals}), "hubspot")
    read = {row[0]: row[1] for row in result.rows("deals", "deal_id", "closed_at")}
    assert read == {str(number): "2024-03-05 00:00:00" for number in range(len(moments))}


@pytest.mark.parametrize(
    "flags", [["true", "True", "TRUE", " true ", "1", "1.0", "t", "yes"], [True], [1], [1.0]]
)
def test_a_flag_is_the_same_however_it_is_written(tmp_path: Path, flags: list[Any]) -> None:
    deals = [DEAL | {"id": str(number), "is_deleted": flag} for number, flag in enumerate(flags)]
    left_out = mapped(land(tmp_path, HUBSPOT | {"deals": deals}), "hubspot").left_out()
    assert left_out == {"entity deal: deleted": len(flags)}


def test_csv_files_are_read_whatever_their_delimiter(tmp_path: Path) -> None:
    land(tmp_path, {name: rows for name, rows in HUBSPOT.items() if name != "deals"})
    (tmp_path / "deals.csv").write_text(
        'id;dealstage;createdate;amount\n1.0;"closed;won";2024-01-01T10:00:00Z;"7,5"\n'
    )
    result = mapped(tmp_path, "hubspot")
    assert result.row("deals", "deal_id", "stage", "created_at", "amount") == (
        "1",
        "closed;won",
        "2024-01-01 10:00:00",
        None,
    )
    (tmp_path / "deals.csv").write_text("id;dealstage\n1;a;b\n")
    with pytest.raises(InputError, match=r"deals\.csv can't be read: Invalid Input Error"):
        mapped(tmp_path, "hubspot")


def test_a_table_in_two_formats_or_without_a_byte_is_an_error(tmp_path: Path) -> None:
    land(tmp_path, HUBSPOT)
    (tmp_path / "deals.csv").write_text("id\n1\n")
    with pytest.raises(InputError, match=r"lies in .* in several formats: csv, parquet\."):
        mapped(tmp_path, "hubspot")
    (tmp_path / "deals.csv").unlink()
    (tmp_path / "deals.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"deals\.parquet is empty"):
        mapped(tmp_path, "hubspot")


def test_settings_survive_the_environment(tmp_path: Path) -> None:
    content = {
        "sources": [
            {"vendor": "hubspot", "database": "crm.duckdb", "schema": "sales", "name": "crm"},
            {"vendor": "zendesk", "landed": "zendesk", "time_zone": "Europe/Berlin"},
        ],
        "mapping": "my.yml",
        "mapping_dir": "own",
        "match": ["zendesk.organization.external_id=crm.company.id"],
    }
    settings = read_settings(content, tmp_path, "settings.yml")
    assert SourceSettings.from_json(settings.to_json()) == settings
    assert settings.sources[0].place.path == tmp_path / "crm.duckdb"
    assert json.loads(settings.to_json())["match"] == {"zendesk.organization.external_id": "crm.company.id"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "hubspt", "--landed", "x"], "There is no source 'hubspt'. There are: hubspot, "),
        (["--source", "hubspot"], "The source hubspot needs the place of its tables"),
        (["--landed", "x"], "--landed belongs behind a --source"),
        (["--source", "hubspot", "--landed", "x", "--landed", "y"], "--landed is given twice"),
        (["--source=hubspot", "--landed=x", "--schema=y"], "which belongs to --database"),
        (
            ["--source", "hubspot", "--landed", "x", "--source", "hubspot", "--landed", "y"],
            "two sources named hubspot",
        ),
        (["--source", "hubspot", "--landed", "/none"], "landed tables /none does not exist"),
    ],
)
def test_a_wrong_option_is_one_clear_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["run", *arguments, "--output", str(tmp_path)])
    assert message in result.output + str(result.exception)
    assert not isinstance(result.exception, AssertionError)


@pytest.mark.parametrize("name", vendors())
def test_a_layout_names_nothing_that_is_not_there(name: str) -> None:
    vendor = read_vendor(name)
    layouts = {layout.name for layout in vendor.layouts}
    seen: set[str] = set()
    for entity in vendor.entities:
        names = {column.name for column in entity.columns}
        assert set(entity.landed_as) <= layouts, entity.name
        assert {*entity.key, *filter(None, [entity.latest_by, entity.requires])} <= names, entity.name
        assert {column.data_type for column in entity.columns} <= set(TYPES), entity.name
        for where in entity.landed_as.values():
            assert where.parent is None or where.parent in seen, entity.name
        seen.add(entity.name)
    assert {entity for entities in vendor.fills.values() for entity in entities} <= seen
    directory = LAYOUTS_DIR.parent / name
    files = {path.stem for path in directory.glob("*.sql")}
    assert files == {*vendor.fills, *(f"_{step}" for step in vendor.steps)}


def test_settings_name_sources_for_runs_without_options(tmp_path: Path) -> None:
    land(tmp_path / "landed", HUBSPOT)
    settings_dir = tmp_path / "settings"
    settings_dir.mkdir()
    (settings_dir / "settings.yml").write_text(
        "sources: [{vendor: hubspot, landed: ../landed}]\nsource_match: []\n", encoding="utf-8"
    )
    settings = read_company_settings(settings_dir)
    sources = configured_sources(settings.values, settings.directory)
    assert Mapped(sources).row("deals", "deal_id") == ("1",)
    for content, message in {
        "sources: [hubspot]": "must be a list of mappings",
        "sources: [{vendor: hubspt, landed: x}]": "There is no source 'hubspt'",
        "sources: [{vendor: hubspot, landet: x}]": "a source has no key 'landet'",
        "source_match: [a]": "must read like",
    }.items():
        (settings_dir / "settings.yml").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            read_company_settings(settings_dir)


def test_inspect_says_what_is_landed_and_what_is_missing_costs(tmp_path: Path) -> None:
    land(tmp_path, HUBSPOT | {"notes": [{"id": 1}]})
    result = CliRunner().invoke(cli, ["sources", "inspect", "--source", "hubspot", "--landed", str(tmp_path)])
    lines = result.output.splitlines()
    assert lines[0] == f"hubspot: HubSpot as dlt (verified source hubspot) lands it, in {tmp_path}."
    assert "  Tables that are read: companies, companies__deals, deals, pipelines_deals." in lines
    assert "  Tables that are not read: notes." in lines
    assert "  Sales, closedwon: 1 won" in lines
    assert "Words in deals.status: won 1." in lines
    costs = [line for line in lines if line.startswith("Without ")]
    assert "Without tickets.due_at there is no value of: service_level_rate." in costs
    assert not any("deals.closed_at" in line for line in costs)


def test_inspect_names_the_own_columns_of_a_company(tmp_path: Path) -> None:
    landed = land(tmp_path / "landed", HUBSPOT | {"deals": [DEAL | {"gebiet": "Nord"}]})
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "own_columns.csv").write_text(
        "raw_table,column_name\ndeals,sales_region\ndeals,size\ncosts,branch\n", encoding="utf-8"
    )
    (settings / "raw_columns.csv").write_text(
        "raw_table,column_name,name_in_file\ndeals,sales_region,Gebiet\n", encoding="utf-8"
    )
    arguments = ["--source", "hubspot", "--landed", str(landed), "--settings", str(settings)]
    lines = CliRunner().invoke(cli, ["sources", "inspect", *arguments]).output.splitlines()
    assert "  Your own columns: deals.sales_region from deals.gebiet." in lines
    # No source fills costs: they come from a raw directory.
    assert [line for line in lines if "own columns that are not landed" in line] == [
        "Your own columns that are not landed: deals.size. A run stops until raw_columns.csv of the settings"
        " names them, or own_columns.csv leaves them out."
    ]


def test_reconcile_counts_by_the_vendors_own_words(tmp_path: Path) -> None:
    land(tmp_path, HUBSPOT | {"deals": [*HUBSPOT["deals"], DEAL | {"id": "2", "is_deleted": True}]})
    result = CliRunner().invoke(
        cli, ["sources", "reconcile", "--source", "hubspot", "--landed", str(tmp_path)]
    )
    lines = result.output.splitlines()
    assert lines[0] == "hubspot: Deals by stage"
    assert lines[2] == "    closedwon: 1"
    assert "    2024-03 (company currency): 7" in lines


RECORDS: dict[str, tuple[dict[str, Rows], list[str]]] = {
    "pipedrive": (
        {
            "deal": [
                {
                    "id": 1,
                    "status": "won",
                    "value": 1500,
                    "currency": "EUR",
                    "won_time": "2024-03-05 12:00:00",
                },
                {
                    "id": 2,
                    "status": "won",
                    "value": 0.5,
                    "currency": "EUR",
                    "won_time": "2024-03-31 23:00:00",
                },
                {"id": 3, "status": "deleted", "value": 9, "currency": "EUR", "won_time": None},
            ]
        },
        ["    won: 2", "    2024-03 EUR: 1,500.50"],
    ),
    "salesforce": (
        {
            "Opportunity": [
                {
                    "Id": "1",
                    "StageName": "Signed",
                    "IsWon": True,
                    "Amount": 12000.5,
                    "CloseDate": "2024-03-05",
                },
                {"Id": "2", "StageName": "Talks", "IsWon": False, "Amount": 7.0, "CloseDate": "2024-03-05"},
            ],
            "Lead": [{"Id": "1", "IsConverted": True}, {"Id": "2", "IsConverted": False}],
            "Case": [{"Id": "1", "Status": "New"}],
        },
        [
            *("    Signed: 1", "    Talks: 1", "    2024-03 (corporate currency): 12,000.50"),
            *("    converted: 1", "    not converted: 1", "    New: 1"),
        ],
    ),
    "stripe": (
        {
            "invoice": [
                {
                    "id": "1",
                    "status": "paid",
                    "total": 12345,
                    "currency": "eur",
                    "created": utc("2024-03-05"),
                },
                {"id": "2", "status": "paid", "total": 5000, "currency": "jpy", "created": utc("2024-03-05")},
                {"id": "3", "status": "void", "total": 1, "currency": "eur", "created": utc("2024-03-05")},
            ],
            "subscription_history": [{"id": "1", "status": "active"}],
        },
        ["    paid: 2", "    void: 1", "    2024-03 EUR: 123.45", "    2024-03 JPY: 5,000", "    active: 1"],
    ),
    "zendesk": (ZENDESK, ["    2024-03: 2", "    open: 2"]),
}


@pytest.mark.parametrize("vendor", RECORDS)
def test_reconcile_counts_for_each_vendor(tmp_path: Path, vendor: str) -> None:
    tables, numbers = RECORDS[vendor]
    arguments = ["sources", "reconcile", "--source", vendor, "--landed", str(land(tmp_path, tables))]
    lines = CliRunner().invoke(cli, arguments).output.splitlines()
    assert [line for line in lines if line.startswith("    ")] == numbers


@pytest.mark.parametrize("name", vendors())
def test_the_page_of_a_vendor_says_what_its_layout_says(name: str) -> None:
    assert (DOCS_DIR / f"{name}.md").read_text(encoding="utf-8") == render_page(name), "make kpi-docs"
