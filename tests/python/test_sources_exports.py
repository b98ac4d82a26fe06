"""Vendors' own CSV exports, which have labels, names and local times, and landed JSON lines."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from crm_kpis.cli import cli
from crm_kpis.errors import InputError
from crm_kpis.sources.layout import LAYOUTS_DIR, read_vendor, vendors
from crm_kpis.sources.source import read_settings
from crm_kpis.yaml_files import parse_yaml
from landing import Mapped, land, mapped

HUBSPOT = {
    "hubspot-crm-exports-all-deals-2024-08-27": (
        '"Record ID","Deal Stage","Pipeline","Close Date","Create Date","Deal owner","Amount","Deal Type",'
        '"Is Closed Won","Is closed lost","Associated Company IDs","Associated Contact IDs"\n'
        '"1","Signed","Sales","2024-03-05 00:00","2024-01-10 11:00","Olga One","12000.5","New Business",'
        '"true","false","9;10","301;302"\n'
        '"2","Gone","Sales","2024-07-01 01:30","2024-02-10 11:00","Otto Two","","Existing Business",'
        '"false","true","",""\n'
        '"3","Talks","Sales","2024-06-30","2024-02-10 11:00","Otto Two","7","","false","false","10",""\n'
    ),
    "companies": (
        "Record ID,Company name,Country/Region,Create Date\n9,Alder,Germany,2024-01-02 09:00\n10,Birch,,\n"
    ),
    "contacts": (
        "Record ID,Email,Lifecycle Stage,Create Date,Associated Company IDs (Primary)\n"
        "301,a@alder.example,Subscriber,2024-01-02 09:00,9\n"
        "302,b@alder.example,Sales Qualified Lead,2024-01-02 09:00,9\n"
    ),
    "tickets": (
        "Ticket ID,Ticket status,Create date,Close date,Source,Associated Company IDs\n"
        "7,Done,2024-07-01 09:00,2024-07-02 09:00,Email,9\n8,New,2024-07-01 09:00,,Chat,\n"
    ),
}
PIPEDRIVE = {
    "deals-1234-1": (
        "Deal - ID,Deal - Status,Deal - Value,Deal - Currency of Value,Deal - Stage,Deal - Pipeline,"
        "Deal - Owner,Deal - Organization ID,Deal - Deal created,Deal - Won time,Deal - Lost time,"
        "Deal - Lost reason\n"
        "1,Won,1500,EUR,Offer,Sales,Olga One,91,2024-01-10 11:00:00,2024-07-05 14:00:00,,\n"
        "2,Lost,800,EUR,Talks,Sales,Otto Two,91,2024-01-10 11:00:00,,2024-07-05 14:00:00,Price\n"
        "3,Open,0,EUR,Talks,Sales,Otto Two,,2024-01-10 11:00:00,,,\n"
    ),
    "organizations": "Organization - ID,Organization - Name\n91,Alder\n",
    "people-1": (
        "Person - ID,Person - First name,Person - Email - Work,Person - Organization ID\n"
        "31,Ann,a@x.example,91\n"
    ),
}


def export(directory: Path, files: dict[str, str]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        # HubSpot's exports begin with a byte order mark.
        (directory / f"{name}.csv").write_text(text, encoding="utf-8-sig")
    return directory


def read(directory: Path, vendor: str, time_zone: str | None = "Europe/Berlin", **more: str) -> Mapped:
    source = {"vendor": vendor, "landed": str(directory)} | ({"time_zone": time_zone} if time_zone else {})
    return Mapped(read_settings({"sources": [source]} | more, directory, "the test"))


def test_an_export_of_hubspot_is_read(tmp_path: Path) -> None:
    result = read(export(tmp_path, HUBSPOT), "hubspot")
    assert result.layouts == ["csv"]
    # Berlin is an hour ahead of UTC in winter, two in summer. Midnight is a day that somebody picked.
    moments = result.rows("deals", "deal_id", "status", "created_at", "closed_at", "expected_close_on::text")
    assert moments == [
        ("1", "won", "2024-01-10 10:00:00", "2024-03-05 00:00:00", None),
        ("2", "lost", "2024-02-10 10:00:00", "2024-06-30 23:30:00", None),
        ("3", "open", "2024-02-10 10:00:00", None, "2024-06-30"),
    ]
    columns = ("deal_id", "stage", "owner_id", "deal_type", "amount::text", "account_id", "lead_id")
    assert result.rows("deals", *columns) == [
        ("1", "Signed", "Olga One", "new", "12000.5000", "9", "302"),
        ("2", "Gone", "Otto Two", "upsell", None, None, None),
        ("3", "Talks", "Otto Two", None, "7.0000", "10", None),
    ]
    assert result.rows("leads", "lead_id", "status", "account_id", "deal_id") == [
        ("302", "qualified", "9", "1")
    ]
    assert result.rows("tickets", "ticket_id", "status", "resolved_at", "account_id", "channel") == [
        ("7", "closed", "2024-07-02 07:00:00", "9", "email"),
        ("8", "open", None, None, "chat"),
    ]
    assert result.unbalanced() == []


def test_inspect_names_the_files_of_an_export(tmp_path: Path) -> None:
    place = ["--landed", str(export(tmp_path, HUBSPOT)), "--time-zone", "Europe/Berlin"]
    lines = CliRunner().invoke(cli, ["sources", "inspect", "--source", "hubspot", *place]).output.splitlines()
    assert lines[:3] == [
        f"hubspot: HubSpot's own CSV export, in {tmp_path}.",
        "  Tables that are read: companies, contacts, hubspot-crm-exports-all-deals-2024-08-27, tickets.",
        "  Lists that are not landed in tickets: Associated Contact IDs.",
    ]
    assert not any("are not read" in line or "Tables that are not" in line for line in lines)


def test_an_export_of_pipedrive_is_read(tmp_path: Path) -> None:
    result = read(export(tmp_path, PIPEDRIVE), "pipedrive")
    assert result.layouts == ["csv"]
    columns = (
        "deal_id",
        "status",
        "closed_at",
        "stage",
        "pipeline",
        "amount::text",
        "account_id",
        "lost_reason",
    )
    assert result.rows("deals", *columns) == [
        ("1", "won", "2024-07-05 12:00:00", "Offer", "Sales", "1500.0000", "91", None),
        ("2", "lost", "2024-07-05 12:00:00", "Talks", "Sales", "800.0000", "91", "Price"),
        ("3", "open", None, "Talks", "Sales", None, None, None),
    ]
    assert result.rows("contacts", "contact_id", "email", "account_id") == [("31", "a@x.example", "91")]
    # An export has no changes of stages, so no stage that a deal has left.
    assert result.rows("deal_stages", "deal_id", "stage") == [("1", "Offer"), ("2", "Talks"), ("3", "Talks")]


def test_an_export_says_which_zone_and_columns_it_needs(tmp_path: Path) -> None:
    export(tmp_path / "a", HUBSPOT)
    with pytest.raises(InputError, match=r"times are in the account's time zone .* Name it: --time-zone"):
        read(tmp_path / "a", "hubspot", None)
    with pytest.raises(InputError, match=r"time zone 'Berlin', which is not known"):
        read(tmp_path / "a", "hubspot", "Berlin")
    deals = {"deals": "Record ID,Deal Stage,Is Closed Won\n1,Gone,false\n"}
    with pytest.raises(InputError, match=r"deals\.csv has no column Is closed lost, without which numbers"):
        read(export(tmp_path / "b", deals), "hubspot")
    export(tmp_path / "a", {"all-deals-2": HUBSPOT["hubspot-crm-exports-all-deals-2024-08-27"]})
    with pytest.raises(InputError, match=r"are both exports of deals\. Keep the latest one"):
        read(tmp_path / "a", "hubspot")


def test_what_a_loader_landed_has_no_zone_of_its_own(tmp_path: Path) -> None:
    land(tmp_path, {"deal": [{"deal_id": 1, "property_dealname": "x"}]})
    with pytest.raises(InputError, match=r"as Fivetran lands it, in UTC\. Leave out the time zone"):
        read(tmp_path, "hubspot")


def test_labels_in_another_language_are_named_by_the_company(tmp_path: Path) -> None:
    deals = {"deals": HUBSPOT["hubspot-crm-exports-all-deals-2024-08-27"].replace('"Amount"', '"Betrag"')}
    mapping = tmp_path / "my.yml"
    mapping.write_text("hubspot: {deal: {amount: Betrag}}", encoding="utf-8")
    result = read(export(tmp_path / "landed", deals), "hubspot", mapping=str(mapping))
    amounts = [("1", "12000.5000"), ("2", None), ("3", "7.0000")]
    assert result.rows("deals", "deal_id", "amount::text") == amounts


@pytest.mark.parametrize(
    ("vendor", "header", "message"),
    [
        ("salesforce", "Opportunity Name,Stage,Amount", r"an export of a Salesforce report\. It has labels"),
        (
            "stripe",
            "id,Customer ID,Status,Amount",
            r"the Stripe Dashboard's own CSV export\. It has no",
        ),
        ("zendesk", "Summation column,Id,Requester,Status", r"Zendesk's own CSV export\. It has names"),
    ],
)
def test_an_export_that_lacks_too_much_says_what(
    tmp_path: Path, vendor: str, header: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(export(tmp_path, {"x": header + "\n"}), vendor, None)


def test_salesforces_data_export_is_read(tmp_path: Path) -> None:
    opportunities = (
        '"ID","ISDELETED","STAGENAME","AMOUNT","CLOSEDATE","ISWON","ISCLOSED","CREATEDDATE","SYSTEMMODSTAMP"\n'
        '"0061","0","Won","12000.5","2024-03-05","1","1","2024-01-10 10:00:00","2024-03-05 12:00:00"\n'
        '"0062","1","Won","1.0","2024-03-05","1","1","2024-01-10 10:00:00","2024-03-05 12:00:00"\n'
    )
    result = read(export(tmp_path, {"Opportunity": opportunities}), "salesforce", None)
    assert result.row("deals", "deal_id", "status", "closed_at", "amount::text") == (
        *("0061", "won", "2024-03-05 12:00:00", "12000.5000"),
    )
    assert result.left_out() == {"entity opportunity: deleted": 1}


def test_json_lines_are_read(tmp_path: Path) -> None:
    # As dlt's filesystem destination writes them by default: compressed, in older versions without .gz.
    def deal(**more: object) -> dict[str, object]:
        return {"createdate": "2024-01-10T10:00:00Z", "dealstage": "closedwon", "pipeline": "default"} | more

    loads = {
        "1.a.jsonl": [deal(id="1", amount=5, _dlt_load_id="1"), deal(id="2", amount=1.5, _dlt_load_id="1")],
        "2.b.jsonl.gz": [deal(id="1", amount="7", _dlt_load_id="2", closedate="2024-03-05T00:00:00+00:00")],
    }
    (tmp_path / "deals").mkdir()
    for name, rows in loads.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "deals" / name).write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "pipelines_deals.jsonl").write_text('{"id": "default", "label": "Sales", "_dlt_id": "p"}\n')
    result = mapped(tmp_path, "hubspot")
    assert result.layouts == ["dlt"]
    assert result.rows("deals", "deal_id", "closed_at", "pipeline", "amount::text") == [
        ("1", "2024-03-05 00:00:00", "Sales", "7.0000"),
        ("2", None, "Sales", "1.5000"),
    ]
    assert result.left_out() == {"entity deal: older version": 1}
    (tmp_path / "pipelines_deals.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"pipelines_deals\.jsonl can't be read: "):
        mapped(tmp_path, "hubspot")


def test_zendesks_json_export_is_read(tmp_path: Path) -> None:
    tickets = [
        {
            "id": 11,
            "status": "open",
            "created_at": "2024-03-01T09:00:00Z",
            "via": {"channel": "email"},
            "tags": [],
        },
        {"id": 12, "status": "closed", "created_at": "2024-03-01T09:00:00Z", "tags": ["closed_by_merge"]},
    ]
    (tmp_path / "tickets.jsonl").write_text("".join(json.dumps(ticket) + "\n" for ticket in tickets))
    result = mapped(tmp_path, "zendesk")
    assert result.row("tickets", "ticket_id", "channel") == ("11", "email")
    assert result.left_out() == {"entity ticket: merged into another": 1}


@pytest.mark.parametrize("name", vendors())
def test_an_export_names_nothing_that_is_not_there(name: str) -> None:
    vendor = read_vendor(name)
    content = parse_yaml((LAYOUTS_DIR / f"{name}.yml").read_text(encoding="utf-8"))
    for layout in content["layouts"].values():
        for entity, exported in layout.get("entities", {}).items():
            columns = {column.name for column in vendor.entity(entity).columns}
            assert set(exported) <= columns | {"table", "list"}, entity
        for entity, needed in layout.get("needs", {}).items():
            assert set(needed) <= set(layout["entities"][entity])
