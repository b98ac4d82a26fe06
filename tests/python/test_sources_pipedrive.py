"""Pipedrive's landed tables: what they mean, layout by layout."""

from pathlib import Path
from typing import Any

from landing import Rows, land, mapped, utc

ADDED = utc("2024-01-10T10:00:00")
STAGES = [{"id": 1, "name": "Qualified"}, {"id": 2, "name": "Proposal"}]


def deal(number: int, status: str, **more: Any) -> dict[str, Any]:
    common = {
        "id": number,
        "status": status,
        "add_time": ADDED,
        "stage_id": 2,
        "pipeline_id": 1,
        "currency": "EUR",
    }
    times = {"won_time": None, "lost_time": None, "close_time": None, "first_won_time": None}
    return common | times | {"value": 100, "value__v_double": None} | more


def v1_tables() -> dict[str, Rows]:
    first, second = utc("2024-02-01T10:00:00"), utc("2024-03-05T10:00:00")
    reopened = {"won_time": second, "first_won_time": first, "user_id__id": 5}
    return {
        "deals": [
            deal(1, "won", **reopened),
            deal(2, "lost", close_time=second, lost_reason="price", value=None, value__v_double=1500.5),
            # Nobody entered an amount.
            deal(3, "open", value=0),
            deal(4, "deleted"),
        ],
        "deals_flow_deal_change": [
            {
                "id": 1,
                "item_id": 1,
                "field_key": "stage_id",
                "old_value": "1",
                "new_value": "2",
                "log_time": first,
            },
            {
                "id": 2,
                "item_id": 1,
                "field_key": "status",
                "old_value": "open",
                "new_value": "won",
                "log_time": second,
            },
            {
                "id": 3,
                "item_id": 4,
                "field_key": "stage_id",
                "old_value": "1",
                "new_value": "2",
                "log_time": second,
            },
        ],
        "stages": STAGES,
        "leads": [{"id": "a", "add_time": ADDED, "source_name": "Web", "is_archived": True, "owner_id": 5}],
        "activities": [
            {
                "id": 1,
                "type": "lunch",
                "done": False,
                "due_date": "2024-02-01",
                "due_time": "",
                "duration": "01:30",
            },
            {
                "id": 2,
                "type": "call",
                "done": True,
                "due_date": "2024-02-01",
                "due_time": "09:30",
                "duration": "",
            },
        ],
    }


def test_a_deal_closes_when_it_was_last_won(tmp_path: Path) -> None:
    result = mapped(land(tmp_path, v1_tables()), "pipedrive")
    assert result.layouts == ["dlt"]
    assert result.rows("deals", "deal_id", "status", "closed_at", "amount::text", "stage") == [
        ("1", "won", "2024-03-05 10:00:00", "100.0000", "Proposal"),
        ("2", "lost", "2024-03-05 10:00:00", "1500.5000", "Proposal"),
        ("3", "open", None, None, "Proposal"),
    ]
    assert result.left_out()["entity deal: deleted"] == 1
    assert result.unbalanced() == []


def test_the_first_stage_is_where_the_first_change_came_from(tmp_path: Path) -> None:
    result = mapped(land(tmp_path, v1_tables()), "pipedrive")
    assert result.rows("deal_stages", "deal_id", "entered_at", "stage") == [
        ("1", "2024-01-10 10:00:00", "Qualified"),
        ("1", "2024-02-01 10:00:00", "Proposal"),
        ("2", "2024-01-10 10:00:00", "Proposal"),
        ("3", "2024-01-10 10:00:00", "Proposal"),
    ]


def test_a_stage_that_a_deal_left_when_it_was_added_was_not_entered(tmp_path: Path) -> None:
    tables = v1_tables()
    tables["deals_flow_deal_change"][0]["log_time"] = ADDED
    result = mapped(land(tmp_path, tables), "pipedrive")
    stages = [row[2] for row in result.rows("deal_stages", "deal_id", "entered_at", "stage") if row[0] == "1"]
    assert stages == ["Proposal"]


def test_leads_are_read_only_where_a_company_asks_for_them(tmp_path: Path) -> None:
    land(tmp_path / "landed", v1_tables())
    unread = mapped(tmp_path / "landed", "pipedrive")
    assert "leads" not in unread.tables
    assert unread.left_out()["entity lead: not asked for"] == 1
    assert unread.unbalanced() == []
    mapping = tmp_path / "my.yml"
    mapping.write_text("pipedrive: {tables: [leads]}")
    result = mapped(tmp_path / "landed", "pipedrive", mapping=str(mapping))
    assert result.row("leads", "lead_id", "status") == ("a", "disqualified")
    assert "entity lead: not asked for" not in result.left_out()


def test_an_activity_is_due_at_the_end_of_its_day_and_lasts_hours_and_minutes(tmp_path: Path) -> None:
    result = mapped(land(tmp_path, v1_tables()), "pipedrive")
    assert result.rows("activities", "activity_id", "activity_type", "due_at", "duration_minutes::int") == [
        ("1", "meeting", "2024-02-01 23:59:59", 90),
        ("2", "call", "2024-02-01 09:30:00", None),
    ]


def test_plain_ids_of_the_second_api_are_read(tmp_path: Path) -> None:
    moved = utc("2024-02-02T10:00:00")
    tables: dict[str, Rows] = {
        "v2_deals": [deal(1, "open", owner_id=5, org_id=9, stage_change_time=moved)],
        "v2_stages": [dict(stage) for stage in STAGES],
        "v2_organizations": [{"id": 9, "name": "Alder", "address__country": "Germany", "is_deleted": False}],
    }
    result = mapped(land(tmp_path, tables), "pipedrive")
    assert result.layouts == ["dlt_v2"]
    assert result.row("deals", "account_id", "owner_id") == ("9", "5")
    assert result.row("deal_stages", "stage", "entered_at") == ("Proposal", "2024-02-02 10:00:00")
    assert result.row("accounts", "account_id", "country") == ("9", "Germany")


def test_deals_of_one_month_only_are_warned_of(tmp_path: Path) -> None:
    deals = [deal(1, "open", update_time=utc("2024-02-10"), org_id__value=9)]
    (warning,) = [
        text for text in mapped(land(tmp_path, {"deals": deals}), "pipedrive").warnings if "oldest" in text
    ]
    assert warning.startswith(
        "pipedrive: the oldest deal was added on 2024-01-10, only 31 days before the last change."
    )
    deals = [deal(1, "open", update_time=utc("2024-04-10"), org_id__value=9)]
    warnings = mapped(land(tmp_path, {"deals": deals}), "pipedrive").warnings
    assert not any("oldest" in text for text in warnings)
