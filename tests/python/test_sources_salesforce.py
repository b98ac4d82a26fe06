"""Salesforce's landed tables: one mapping for all loaders."""

import re
from pathlib import Path
from typing import Any

import pytest
from landing import Rows, land, mapped, utc

CREATED = utc("2024-01-10T15:00:00")


def opportunity(number: str, close: str, won: bool | None, **more: Any) -> dict[str, Any]:
    return {
        "Id": number,
        "IsDeleted": False,
        "CreatedDate": CREATED,
        "CloseDate": close,
        "IsWon": bool(won),
        "IsClosed": won is not None,
        "StageName": "Any word",
        "Type": "Existing Business",
        "Amount": 100.0,
        "SystemModstamp": utc("2024-03-01T00:00:00"),
    } | more


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()


def tables(loader: str, **records: Rows) -> dict[str, Rows]:
    """The records under the names of a loader; dlt and Fivetran write names with underscores."""
    if loader == "airbyte":
        return records
    marks = {"dlt": {"_dlt_id": "x"}, "fivetran": {"_fivetran_synced": CREATED}}[loader]
    named = {
        snake(table): [{snake(name): value for name, value in row.items()} | marks for row in rows]
        for table, rows in records.items()
    }
    if loader == "dlt":
        named["sf_user"] = named.pop("user")
    return named


USERS: Rows = [{"Id": "005A", "Name": "Olga", "UserType": "Standard", "Department": "Inside Sales"}]


@pytest.mark.parametrize("loader", ["dlt", "fivetran", "airbyte"])
def test_names_are_the_same_for_all_loaders(tmp_path: Path, loader: str) -> None:
    records = {
        "Opportunity": [opportunity("006A", "2024-03-01", True), opportunity("006B", "2024-01-10", False)],
        "OpportunityLineItem": [
            {"Id": "1", "OpportunityId": "006A", "Product2Id": "01A", "TotalPrice": 5.0},
            {"Id": "2", "OpportunityId": "006A", "Product2Id": "01B", "TotalPrice": 9.0},
        ],
        "Product2": [{"Id": "01B", "Name": "Seat", "Family": "Software"}],
        "User": USERS,
    }
    # In New York noon is 17:00 UTC; what closes on the day of its creation does not close before it.
    result = mapped(land(tmp_path, tables(loader, **records)), "salesforce", "America/New_York")
    assert result.layouts == [loader]
    assert result.rows("deals", "deal_id", "status", "closed_at", "deal_type", "product_id") == [
        ("006A", "won", "2024-03-01 17:00:00", "upsell", "01B"),
        ("006B", "lost", "2024-01-10 17:00:00", "upsell", None),
    ]
    assert result.rows("users", "user_id", "department") == [("005A", "sales")]
    assert result.rows("products", "product_id", "category") == [("01B", "Software")]


def test_a_deal_closed_before_the_noon_of_its_creation_closes_with_it(tmp_path: Path) -> None:
    records = {"Opportunity": [opportunity("006A", "2024-01-10", True)], "User": USERS}
    result = mapped(land(tmp_path, records), "salesforce")
    assert result.row("deals", "closed_at") == ("2024-01-10 15:00:00",)


def test_each_change_of_an_opportunity_adds_a_row_with_dlt(tmp_path: Path) -> None:
    changes = [
        opportunity("006A", "2024-03-01", None),
        opportunity("006A", "2024-03-01", True, SystemModstamp=utc("2024-03-02T00:00:00")),
        opportunity("006B", "2024-03-01", True),
        opportunity("006B", "2024-03-01", True, IsDeleted=True, SystemModstamp=utc("2024-03-02T00:00:00")),
    ]
    result = mapped(land(tmp_path, tables("dlt", Opportunity=changes, User=USERS)), "salesforce")
    # The latest version of the second one is deleted: none of its versions counts.
    assert result.rows("deals", "deal_id", "status") == [("006A", "won")]
    assert result.left_out() == {"entity opportunity: older version": 2, "entity opportunity: deleted": 1}
    assert result.unbalanced() == []


def test_a_lead_converts_when_its_opportunity_is_won(tmp_path: Path) -> None:
    def lead(number: str, deal: str | None, **more: Any) -> dict[str, Any]:
        converted = {"IsConverted": deal is not None, "ConvertedOpportunityId": deal}
        day = "2024-01-20" if deal else None
        common = {
            "Id": number,
            "CreatedDate": CREATED,
            "Status": "Open",
            "ConvertedDate": day,
            "OwnerId": "005A",
        }
        return common | converted | more

    records = {
        "Opportunity": [opportunity("006A", "2024-03-01", True), opportunity("006B", "2024-03-01", None)],
        "Lead": [
            lead("00QA", "006A", OwnerId="00GQ"),
            lead("00QB", "006B"),
            lead("00QC", None, Status="Unqualified"),
            lead("00QD", None, MasterRecordId="00QA", IsDeleted=True),
        ],
        "User": USERS,
    }
    result = mapped(land(tmp_path, tables("fivetran", **records)), "salesforce")
    columns = ("lead_id", "status", "owner_id", "qualified_at", "converted_at")
    assert result.rows("leads", *columns) == [
        ("00QA", "converted", None, "2024-01-20 12:00:00", "2024-03-01 12:00:00"),
        ("00QB", "qualified", "005A", "2024-01-20 12:00:00", None),
        ("00QC", "disqualified", "005A", None, None),
    ]
    assert result.rows("deals", "deal_id", "lead_id") == [("006A", "00QA"), ("006B", "00QB")]
    assert result.left_out() == {"entity lead: merged into another": 1}


def test_without_its_flags_a_record_is_told_by_salesforces_own_words(tmp_path: Path) -> None:
    flags = {"IsWon": None, "IsClosed": None}
    records = {
        "Opportunity": [
            opportunity("006A", "2024-03-01", None, StageName="Closed Won", **flags),
            opportunity("006B", "2024-03-01", None, StageName="Closed Lost", **flags),
            opportunity("006C", "2024-03-01", None, StageName="Qualify", **flags),
        ],
        "Case": [
            {"Id": "500A", "CreatedDate": CREATED, "Status": "Done", "ClosedDate": utc("2024-03-02")},
            {"Id": "500B", "CreatedDate": CREATED, "Status": "Waiting for us", "ClosedDate": None},
        ],
        "User": USERS,
    }
    result = mapped(land(tmp_path, records), "salesforce")
    assert result.rows("deals", "deal_id", "status") == [("006A", "won"), ("006B", "lost"), ("006C", "open")]
    assert result.rows("tickets", "status", "resolved_at") == [
        ("closed", "2024-03-02 00:00:00"),
        ("pending", None),
    ]
    assert any("has no column IsClosed" in warning for warning in result.warnings)


def test_imported_deals_that_close_before_they_were_created_are_warned_of(tmp_path: Path) -> None:
    deals = [opportunity(f"006{number}", "2023-05-01", True) for number in range(3)]
    result = mapped(land(tmp_path, {"Opportunity": deals, "User": USERS}), "salesforce")
    (warning,) = [text for text in result.warnings if "closed before they were created" in text]
    assert warning.startswith("3 of 3 closed deals")
    assert "created_at: Original_Created_Date__c" in warning


def test_rows_are_numbered_by_their_keys(tmp_path: Path) -> None:
    deals = [opportunity(f"006{letter}", "2024-03-01", True) for letter in "CABED"]
    result = mapped(land(tmp_path, {"Opportunity": deals, "User": USERS}), "salesforce")
    numbers = [(f"006{letter}", number) for number, letter in enumerate("ABCDE", start=1)]
    assert sorted(result.rows("deals", "deal_id", "_row_number")) == numbers


def test_history_mode_gives_the_present_and_the_stages(tmp_path: Path) -> None:
    def version(stage: str, start: str, active: bool) -> dict[str, Any]:
        row = opportunity("006A", "2024-03-01", None, StageName=stage)
        return row | {"_fivetran_start": utc(start), "_fivetran_active": active}

    versions = [
        version("Qualify", "2024-01-10T15:00:00", False),
        version("Qualify", "2024-01-12T15:00:00", False),
        version("Propose", "2024-02-01T15:00:00", True),
    ]
    result = mapped(land(tmp_path, {"opportunity": versions, "user": USERS}), "salesforce")
    assert result.rows("deals", "deal_id", "stage") == [("006A", "Propose")]
    assert result.rows("deal_stages", "stage", "entered_at") == [
        ("Propose", "2024-02-01 15:00:00"),
        ("Qualify", "2024-01-10 15:00:00"),
    ]


def test_a_row_of_the_stage_history_without_a_new_stage_is_no_entry(tmp_path: Path) -> None:
    def change(stage: str, at: str) -> dict[str, Any]:
        return {"OpportunityId": "006A", "StageName": stage, "CreatedDate": utc(at)}

    records = {
        "Opportunity": [opportunity("006A", "2024-03-01", None)],
        "OpportunityHistory": [
            change("Qualify", "2024-01-10T15:00:00"),
            change("Qualify", "2024-01-11T15:00:00"),
            change("Propose", "2024-01-12T15:00:00"),
            change("Qualify", "2024-01-13T15:00:00"),
        ],
        "User": USERS,
    }
    result = mapped(land(tmp_path, records), "salesforce")
    assert [row[1] for row in result.rows("deal_stages", "entered_at", "stage")] == [
        "Qualify",
        "Propose",
        "Qualify",
    ]


def test_an_outcome_before_the_close_date_is_no_stage_on_the_way(tmp_path: Path) -> None:
    def change(deal: str, stage: str, at: str) -> dict[str, Any]:
        return {"OpportunityId": deal, "StageName": stage, "CreatedDate": utc(at)}

    records = {
        "Opportunity": [
            # Won on 5 March, by who set the stage; the close date was not touched.
            opportunity("006A", "2024-03-31", True, StageName="Signed"),
            # Given up, taken up again, and open.
            opportunity("006B", "2024-04-30", None, StageName="Talk"),
            # Won on the close date.
            opportunity("006C", "2024-03-31", True, StageName="Signed"),
            # Words that stay when an opportunity is closed tell no outcome.
            opportunity("006D", "2024-03-31", True, StageName="Deal"),
            opportunity("006E", "2024-03-31", False, StageName="Deal"),
        ],
        "OpportunityHistory": [
            change("006A", "Talk", "2024-01-10T15:00:00"),
            change("006A", "Signed", "2024-03-05T09:00:00"),
            change("006B", "Talk", "2024-01-11T15:00:00"),
            change("006B", "Closed Lost", "2024-01-20T15:00:00"),
            change("006B", "Talk", "2024-02-20T15:00:00"),
            change("006C", "Signed", "2024-03-31T12:00:00"),
            change("006D", "Deal", "2024-03-05T09:00:00"),
        ],
        "User": USERS,
    }
    result = mapped(land(tmp_path, records), "salesforce")
    assert result.rows("deal_stages", "deal_id", "entered_at", "stage", "exited_at") == [
        ("006A", "2024-01-10 15:00:00", "Talk", None),
        ("006B", "2024-01-11 15:00:00", "Talk", "2024-01-20 15:00:00"),
        ("006B", "2024-02-20 15:00:00", "Talk", None),
        ("006C", "2024-03-31 12:00:00", "Signed", None),
        ("006D", "2024-03-05 09:00:00", "Deal", None),
    ]
    assert result.left_out()["table deal_stages: outcome before the close date"] == 2
    assert result.unbalanced() == []


def test_rates_that_were_loaded_twice_count_once(tmp_path: Path) -> None:
    # dlt adds rows at each load.
    rate = {"iso_code": "USD", "start_date": "2024-01-01"}
    rates = [
        rate | {"conversion_rate": "1.25", "_dlt_load_id": "1"},
        rate | {"conversion_rate": "1.6", "_dlt_load_id": "2"},
    ]
    tables: dict[str, Rows] = {"dated_conversion_rate": rates, "sf_user": [{"id": "005A"}]}
    result = mapped(land(tmp_path, tables), "salesforce")
    assert result.rows("exchange_rates", "currency", "rate::text") == [("USD", "0.62500000")]
