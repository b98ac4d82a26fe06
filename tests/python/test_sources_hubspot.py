"""HubSpot's landed tables: what they mean, layout by layout."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crm_kpis.errors import InputError
from crm_kpis.raw.contract import RawTable
from crm_kpis.settings.own_columns import extend_contract
from crm_kpis.settings.read import read_settings
from landing import Rows, land, mapped, utc

STAGES = [("new", "New", False, 0.2), ("won", "Won", True, 1.0), ("lost", "Lost", True, 0.0)]
DEALS: Rows = [
    {
        "id": "1",
        "stage": "won",
        "created": "2024-01-10T10:00:00",
        "close": "2024-03-05T00:00:00",
        "amount": 1200.5,
    },
    {
        "id": "2",
        "stage": "new",
        "created": "2024-02-01T10:00:00",
        "close": "2024-06-30T00:00:00",
        "amount": None,
    },
    {
        "id": "3",
        "stage": "lost",
        "created": "2024-03-01T10:00:00",
        "close": "2024-03-01T00:00:00",
        "amount": 800.0,
    },
    {
        "id": "4",
        "stage": "new",
        "created": "2024-03-01T10:00:00",
        "close": None,
        "amount": 1.0,
        "deleted": True,
    },
]


def dlt_tables(deals: Rows = DEALS, **more: Rows) -> dict[str, Rows]:
    return {
        "deals": [
            {
                "id": deal["id"],
                "createdate": utc(deal["created"]),
                "closedate": utc(deal["close"]) if deal["close"] else None,
                "dealstage": deal["stage"],
                "pipeline": "default",
                "amount": deal["amount"],
                "hubspot_owner_id": "71",
                "is_deleted": deal.get("deleted", False),
                "_dlt_id": f"d{deal['id']}",
            }
            for deal in deals
        ],
        "pipelines_deals": [{"id": "default", "label": "Sales", "_dlt_id": "p"}],
        "pipelines_deals__stages": [
            {
                "id": stage,
                "label": label,
                "metadata__is_closed": str(closed).lower(),
                "metadata__probability": str(probability),
                "_dlt_parent_id": "p",
                "_dlt_id": stage,
            }
            for stage, label, closed, probability in STAGES
        ],
    } | more


def fivetran_tables(deals: Rows = DEALS, **more: Rows) -> dict[str, Rows]:
    return {
        "deal": [
            {
                "deal_id": int(deal["id"]),
                "deal_pipeline_id": "default",
                "deal_pipeline_stage_id": deal["stage"],
                "owner_id": 71,
                "property_createdate": utc(deal["created"]),
                "property_closedate": utc(deal["close"]) if deal["close"] else None,
                "property_amount": deal["amount"],
                "is_deleted": deal.get("deleted", False),
                "_fivetran_deleted": False,
            }
            for deal in deals
        ],
        "deal_pipeline": [{"pipeline_id": "default", "label": "Sales"}],
        "deal_pipeline_stage": [
            {
                "stage_id": stage,
                "pipeline_id": "default",
                "label": label,
                "is_closed": closed,
                "probability": probability,
            }
            for stage, label, closed, probability in STAGES
        ],
    } | more


@pytest.mark.parametrize(("layout", "tables"), [("dlt", dlt_tables()), ("fivetran", fivetran_tables())])
def test_deals_are_the_same_in_every_layout(tmp_path: Path, layout: str, tables: dict[str, Rows]) -> None:
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.layouts == [layout]
    assert result.rows(
        "deals",
        "deal_id",
        "status",
        "closed_at",
        "cast(expected_close_on as varchar)",
        "stage",
        "pipeline",
        "amount::text",
    ) == [
        ("1", "won", "2024-03-05 00:00:00", None, "Won", "Sales", "1200.5000"),
        ("2", "open", None, "2024-06-30", "New", "Sales", None),
        # Closed on the day of its creation: not before it.
        ("3", "lost", "2024-03-01 10:00:00", None, "Lost", "Sales", "800.0000"),
    ]
    assert result.left_out() == {"entity deal: deleted": 1}
    assert result.unbalanced() == []


def test_deals_in_stages_that_are_not_landed_are_warned_of(tmp_path: Path) -> None:
    moved = [{**DEALS[0], "stage": "gone"}, *DEALS[1:]]
    warnings = mapped(land(tmp_path / "moved", fivetran_tables(moved)), "hubspot").warnings
    assert [text for text in warnings if "closed" in text] == [
        "hubspot: nothing says whether deals in some stages, such as gone, are closed. "
        "They count as open (1 in all). Land the pipelines of deals, or the property hs_is_closed."
    ]
    warnings = mapped(land(tmp_path / "landed", fivetran_tables()), "hubspot").warnings
    assert not any("closed" in text for text in warnings)


def test_a_close_at_midnight_utc_stays_on_its_day_in_america(tmp_path: Path) -> None:
    tables = dlt_tables(
        [
            {
                "id": "1",
                "stage": "won",
                "created": "2024-01-10T10:00:00",
                "close": "2024-03-01T00:00:00",
                "amount": 1,
            }
        ]
    )
    # Midnight UTC is 29 February in New York: noon there is 17:00 UTC.
    result = mapped(land(tmp_path, tables), "hubspot", "America/New_York")
    assert result.row("deals", "closed_at") == ("2024-03-01 17:00:00",)


def test_closed_won_of_old_fivetran_tables_means_closed(tmp_path: Path) -> None:
    tables = fivetran_tables()
    tables["deal_pipeline_stage"] = [
        {
            "stage_id": "new",
            "pipeline_id": "default",
            "label": "New",
            "closed_won": False,
            "probability": 0.2,
        },
        {"stage_id": "won", "pipeline_id": "default", "label": "Won", "closed_won": True, "probability": 1.0},
        # A lost stage looks like an open one of probability 0.
        {
            "stage_id": "lost",
            "pipeline_id": "default",
            "label": "Lost",
            "closed_won": False,
            "probability": 0.0,
        },
    ]
    result = mapped(land(tmp_path / "old", tables), "hubspot")
    assert result.rows("deals", "deal_id", "status") == [("1", "won"), ("2", "open"), ("3", "lost")]
    tables["deal_pipeline_stage"][2]["closed_won"] = True
    result = mapped(land(tmp_path / "older", tables), "hubspot")
    assert result.rows("deals", "deal_id", "status") == [("1", "won"), ("2", "open"), ("3", "lost")]


def test_a_deal_of_two_companies_and_an_owner_of_two_teams_count_once(tmp_path: Path) -> None:
    companies = [{"id": number, "property_name": f"C{number}"} for number in (8, 9, 10)]
    tables = fivetran_tables(
        company=companies,
        deal_company=[
            {"deal_id": 1, "company_id": 8, "type_id": 341},
            {"deal_id": 1, "company_id": 9, "type_id": 5},
            {"deal_id": 1, "company_id": 9, "type_id": 341},
            # Without a primary company the lowest number, which is not the first as a text.
            {"deal_id": 2, "company_id": 10, "type_id": 341},
            {"deal_id": 2, "company_id": 9, "type_id": 341},
        ],
        owner=[{"owner_id": 71, "first_name": "Olga", "last_name": "One", "email": "o@us.example"}],
        team=[{"id": 1, "name": "A"}, {"id": 2, "name": "B"}],
        owner_team=[
            {"owner_id": 71, "team_id": 1, "is_team_primary": False},
            {"owner_id": 71, "team_id": 2, "is_team_primary": True},
        ],
    )
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deals", "deal_id", "account_id") == [("1", "9"), ("2", "9"), ("3", None)]
    assert result.rows("users", "user_id", "name", "team") == [("71", "Olga One", "B")]


def test_a_record_merged_into_one_that_was_merged_itself_is_left_out(tmp_path: Path) -> None:
    tables = dlt_tables()
    deal = tables["deals"][0] | {"is_deleted": False, "hs_merged_object_ids": None}
    # 1 was merged into 2, and 2 into 3, by which 2 was deleted; 4 and 5 were merged into 6.
    changes: dict[str, dict[str, Any]] = {
        "1": {},
        "2": {"hs_merged_object_ids": "1", "is_deleted": True},
        "3": {"hs_merged_object_ids": "2"},
        "4": {},
        "5": {},
        "6": {"hs_merged_object_ids": "4; 5"},
    }
    tables["deals"] = [deal | {"id": number, "_dlt_id": number} | more for number, more in changes.items()]
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deals", "deal_id") == [("3",), ("6",)]
    assert result.left_out()["entity deal: merged into another"] == 4


def test_merged_records_are_left_out(tmp_path: Path) -> None:
    tables = fivetran_tables(merged_deal=[{"deal_id": 1, "merged_deal_id": 3}])
    tables["contact"] = [
        {
            "id": 301,
            "property_lifecyclestage": "lead",
            "property_createdate": utc("2024-01-01"),
            "property_hs_merged_object_ids": "302;303",
        },
        {
            "id": 302,
            "property_lifecyclestage": "lead",
            "property_createdate": utc("2024-01-01"),
            "property_hs_merged_object_ids": None,
        },
        {
            "id": 304,
            "property_lifecyclestage": "subscriber",
            "property_createdate": utc("2024-01-01"),
            "property_hs_merged_object_ids": None,
        },
    ]
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deals", "deal_id") == [("1",), ("2",)]
    assert result.rows("contacts", "contact_id") == [("301",), ("304",)]
    assert result.rows("leads", "lead_id") == [("301",)]
    assert result.left_out() == {
        "entity deal: deleted": 1,
        "entity deal: merged into another": 1,
        "entity contact: merged into another": 1,
        "table leads: contact that is no lead yet": 1,
    }
    assert result.unbalanced() == []


def test_the_history_of_stages_is_read_once(tmp_path: Path) -> None:
    def change(deal: str, value: str, at: str, name: str = "dealstage") -> dict[str, Any]:
        return {"object_id": deal, "property_name": name, "value": value, "timestamp": utc(at)}

    # dlt appends the history at each run: the same change is there twice. A deleted deal has one, too.
    entered = change("1", "new", "2024-01-10T10:00:00")
    history = [
        entered,
        entered,
        change("1", "won", "2024-03-01T12:00:00"),
        change("1", "lost", "2024-03-02T12:00:00"),
        change("1", "won", "2024-03-05T12:00:00"),
        change("4", "new", "2024-03-01T10:00:00"),
    ]
    tables = dlt_tables(
        deals_property_history=[*history, change("1", "5", "2024-01-10T10:00:00", "amount")],
        stages_timing_deals=[{"id": "1", "stage": "won", "hs_v2_date_enteredx": utc("2024-03-06T00:00:00")}],
    )
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deal_stages", "deal_id", "stage", "entered_at", "exited_at") == [
        ("1", "New", "2024-01-10 10:00:00", "2024-03-01 12:00:00"),
        ("1", "Won", "2024-03-05 12:00:00", None),
    ]
    assert result.left_out()["entity deal_change: older version"] == 1
    assert result.left_out()["table deal_stages: of a deal left out"] == 1
    assert result.left_out()["table deal_stages: outcome before the close date"] == 2
    assert result.unbalanced() == []


def test_stage_ids_with_hyphens_are_found_in_the_names_of_properties(tmp_path: Path) -> None:
    tables = dlt_tables()
    tables["pipelines_deals__stages"][0] |= {"id": "60b5-AA"}
    tables["stages_timing_deals"] = [
        {"id": "2", "stage": "60b5_aa_13292096", "hs_v2_date_enteredx": utc("2024-02-01T10:00:00")}
    ]
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deal_stages", "deal_id", "stage") == [("2", "New")]


def test_amounts_stand_in_the_variant_column_where_types_differ(tmp_path: Path) -> None:
    tables = dlt_tables()
    for deal, whole, decimal in zip(
        tables["deals"], (None, 7, 800, 1), (1500.5, None, None, None), strict=True
    ):
        deal |= {"amount": whole, "amount__v_double": decimal}
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deals", "deal_id", "amount::text") == [
        ("1", "1500.5000"),
        ("2", "7.0000"),
        ("3", "800.0000"),
    ]


def test_the_latest_of_appended_loads_counts(tmp_path: Path) -> None:
    first, second = dlt_tables(), dlt_tables([dict(DEALS[1], stage="won", close="2024-05-01T00:00:00")])
    tables: dict[str, Rows] = {name: rows for name, rows in first.items() if name != "deals"}
    for load, landed in (("1.1", first), ("2.2", second)):
        tables[f"deals/{load}.hash"] = [dict(deal, _dlt_load_id=load) for deal in landed["deals"]]
    directory = land(tmp_path, tables)
    (directory / "deals" / "init").touch()
    result = mapped(directory, "hubspot")
    assert result.rows("deals", "deal_id", "status") == [("1", "won"), ("2", "won"), ("3", "lost")]
    assert result.left_out() == {"entity deal: deleted": 1, "entity deal: older version": 1}
    assert result.unbalanced() == []


def test_a_lead_converts_when_it_pays_and_not_before_it_was_there(tmp_path: Path) -> None:
    contact = {"property_createdate": utc("2024-01-15T09:00:00"), "property_lifecyclestage": "opportunity"}
    tables = fivetran_tables(
        contact=[{"id": number, "property_associatedcompanyid": 901.0, **contact} for number in (301, 302)],
        deal_contact=[
            {"deal_id": 1, "contact_id": 301},
            {"deal_id": 3, "contact_id": 302},
            {"deal_id": 2, "contact_id": 302},
        ],
    )
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("leads", "lead_id", "status", "converted_at", "deal_id", "account_id", "score") == [
        ("301", "qualified", "2024-03-05 00:00:00", "1", "901", None),
        ("302", "qualified", None, "2", "901", None),
    ]
    assert result.rows("deals", "deal_id", "lead_id") == [("1", "301"), ("2", "302"), ("3", "302")]


def test_a_reopened_ticket_is_not_resolved(tmp_path: Path) -> None:
    def change(value: str, at: str) -> dict[str, Any]:
        return {"object_id": "7", "property_name": "hs_pipeline_stage", "value": value, "timestamp": utc(at)}

    tables = dlt_tables(
        tickets=[
            {
                "id": "7",
                "createdate": utc("2024-01-01T09:00:00"),
                "closed_date": utc("2024-01-02T09:00:00"),
                "hs_pipeline": "0",
                "hs_pipeline_stage": "1",
            }
        ],
        pipelines_tickets=[{"id": "0", "label": "Support", "_dlt_id": "t"}],
        pipelines_tickets__stages=[
            {
                "id": "1",
                "label": "New",
                "metadata__is_closed": "false",
                "_dlt_parent_id": "t",
                "_dlt_id": "t1",
            },
            {
                "id": "3",
                "label": "Closed",
                "metadata__is_closed": "true",
                "_dlt_parent_id": "t",
                "_dlt_id": "t3",
            },
        ],
        tickets_property_history=[
            change("1", "2024-01-01T09:00:00"),
            change("3", "2024-01-02T09:00:00"),
            change("1", "2024-01-03T09:00:00"),
        ],
    )
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.row("tickets", "status", "resolved_at") == ("open", None)
    assert result.rows("ticket_events", "event_type", "occurred_at") == [
        ("reopened", "2024-01-03 09:00:00"),
        ("resolved", "2024-01-02 09:00:00"),
    ]
    assert result.left_out()["table ticket_events: neither opened, closed nor assigned"] == 1


def test_a_company_names_its_own_columns(tmp_path: Path) -> None:
    tables = dlt_tables()
    for deal in tables["deals"]:
        deal["verlustgrund"] = "Preis"
    land(tmp_path / "landed", tables)
    mapping = tmp_path / "my.yml"
    mapping.write_text("hubspot: {deal: {lost_reason: verlustgrund, source: [deal_source, verlustgrund]}}")
    result = mapped(tmp_path / "landed", "hubspot", mapping=str(mapping))
    assert result.rows("deals", "deal_id", "lost_reason", "source")[2] == ("3", "Preis", "Preis")
    for content, message in {
        "hubspot: {deal: {lost_reason: grnd}}": "names 'grnd', which the table deals does not have",
        "hubspot: {deal: {lost_reson: x}}": "Did you mean lost_reason?",
        "hubspot: {deals: {lost_reason: x}}": "Did you mean deal?",
        "hubspt: {deal: {lost_reason: x}}": "'hubspt' is no source",
    }.items():
        mapping.write_text(content)
        with pytest.raises(InputError, match=message.replace("?", r"\?")):
            mapped(tmp_path / "landed", "hubspot", mapping=str(mapping))


def contract_with(settings: Path, own_columns: str, raw_columns: str = "") -> tuple[RawTable, ...]:
    """The raw contract with the own columns of a settings directory."""
    settings.mkdir(exist_ok=True)
    header = "raw_table,column_name,data_type,published_as,kpis"
    (settings / "own_columns.csv").write_text(f"{header}\n{own_columns}", encoding="utf-8")
    names = f"raw_table,column_name,name_in_file\n{raw_columns}"
    (settings / "raw_columns.csv").write_text(names, encoding="utf-8")
    return extend_contract(read_settings(settings))


@pytest.mark.parametrize(
    ("tables", "prefix"),
    [(dlt_tables, ""), (fivetran_tables, "property_")],
    ids=["dlt", "fivetran"],
)
def test_columns_that_the_contract_does_not_have_come_along(tmp_path: Path, tables, prefix: str) -> None:
    landed = tables()
    deals = landed["deals" if "deals" in landed else "deal"]
    values = (("Nord", "1.5"), ("Süd", "viel"), ("", ""), ("West", "2"))
    for deal, (region, discount) in zip(deals, values, strict=True):
        deal[f"{prefix}vertriebsgebiet"], deal[f"{prefix}discount"] = region, discount
    columns = "deals,sales_region,,,win_rate\ndeals,discount,decimal,deal_discount,\n"
    contract = contract_with(tmp_path / "settings", columns, "deals,sales_region,Vertriebsgebiet\n")
    result = mapped(land(tmp_path / "landed", landed), "hubspot", contract=contract)
    assert result.rows("deals", "deal_id", "sales_region", "discount") == [
        ("1", "Nord", Decimal("1.5000")),
        ("2", "Süd", None),
        ("3", None, None),
    ]
    assert any("1 values of deals.discount can't be read" in warning for warning in result.warnings)
    contract = contract_with(tmp_path / "settings", columns, "deals,sales_region,Gebiet\n")
    with pytest.raises(InputError, match=r"deals\.sales_region, and hubspot\.deals? has no column Gebiet\."):
        mapped(tmp_path / "landed", "hubspot", contract=contract)


def test_the_own_sql_of_a_company_makes_a_column_of_its_own(tmp_path: Path) -> None:
    land(tmp_path / "landed", dlt_tables())
    own = tmp_path / "own" / "hubspot" / "deals.sql"
    own.parent.mkdir(parents=True)
    own.write_text("select deal_id, created_at, 'open' as status, 'Nord' as sales_region from deal")
    contract = contract_with(tmp_path / "settings", "deals,sales_region,,,win_rate\n")
    result = mapped(tmp_path / "landed", "hubspot", contract=contract, mapping_dir=str(tmp_path / "own"))
    assert {row[1] for row in result.rows("deals", "deal_id", "sales_region")} == {"Nord"}


def test_a_company_has_its_own_sql_for_a_table(tmp_path: Path) -> None:
    land(tmp_path / "landed", dlt_tables())
    own = tmp_path / "own" / "hubspot" / "deals.sql"
    own.parent.mkdir(parents=True)
    own.write_text("select deal_id, created_at, 'open' as status from deal")
    result = mapped(tmp_path / "landed", "hubspot", mapping_dir=str(tmp_path / "own"))
    assert {row[1] for row in result.rows("deals", "deal_id", "status")} == {"open"}
    own.write_text("select deal_id, created_at, 'open' as state from deal")
    with pytest.raises(InputError, match=r"deals\.sql makes a column state"):
        mapped(tmp_path / "landed", "hubspot", mapping_dir=str(tmp_path / "own"))
    own.write_text("select deal_ide from deal")
    with pytest.raises(InputError, match=r"deals.sql: Binder Error: .*deal_ide"):
        mapped(tmp_path / "landed", "hubspot", mapping_dir=str(tmp_path / "own"))


def test_airbytes_archived_deals_and_empty_lists(tmp_path: Path) -> None:
    loaded = {"archived": "false", "_airbyte_extracted_at": utc("2024-06-01T00:00:00")}
    deal = {
        "properties_createdate": "2024-01-10T10:00:00Z",
        "properties_dealstage": "closedwon",
        "companies": "[]",
        # No deal has a contact, so that the Parquet column has no type.
        "contacts": None,
    } | loaded
    stages = (
        '[{"stageId": "closedwon", "label": "Won", "metadata": {"isClosed": "true", "probability": "1.0"}}]'
    )
    tables: dict[str, Rows] = {
        "deals": [
            deal | {"id": "1", "companies": '["902", "901"]'},
            deal | {"id": "2", "companies": "[903.0]"},
            deal | {"id": "3"},
            deal | {"id": "4"},
        ],
        # 4 was archived by the load after.
        "deals_archived": [
            deal | {"id": "4", "archived": "true", "_airbyte_extracted_at": utc("2024-06-02T00:00:00")}
        ],
        "deal_pipelines": [{"pipelineId": "default", "label": "Sales", "stages": stages} | loaded],
    }
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("deals", "deal_id", "status", "stage", "account_id") == [
        ("1", "won", "Won", "901"),
        ("2", "won", "Won", "903"),
        ("3", "won", "Won", None),
    ]
    assert result.left_out() == {"entity deal: deleted": 1, "entity deal: older version": 1}
    assert result.unbalanced() == []


def test_airbytes_objects_of_owners_and_of_email_events(tmp_path: Path) -> None:
    loaded = {"_airbyte_extracted_at": utc("2024-06-01T00:00:00")}
    event = {"recipient": "a@x.example", "created": 1_704_880_800_000, "filteredEvent": False} | loaded
    teams = '[{"id": "1", "name": "A", "primary": false}, {"id": "2", "name": "B", "primary": true}]'
    tables: dict[str, Rows] = {
        "owners": [
            {"id": "71", "firstName": "Olga", "lastName": "One", "email": "o@x.example", "teams": teams}
            | loaded
        ],
        "email_events": [
            event | {"id": "s", "type": "SENT", "sentBy": None},
            event | {"id": "o", "type": "OPEN", "sentBy": '{"id": "s", "created": 1704880800000}'},
            event
            | {
                "id": "u",
                "type": "STATUSCHANGE",
                "sentBy": '{"id": "s"}',
                "portalSubscriptionStatus": "UNSUBSCRIBED",
            },
        ],
    }
    result = mapped(land(tmp_path, tables), "hubspot")
    assert result.rows("users", "user_id", "name", "team") == [("71", "Olga One", "B")]
    assert result.rows("email_events", "event_id", "email_id", "event_type", "occurred_at") == [
        ("o", "s", "opened", "2024-01-10 10:00:00"),
        ("s", "s", "sent", "2024-01-10 10:00:00"),
        ("u", "s", "unsubscribed", "2024-01-10 10:00:00"),
    ]
