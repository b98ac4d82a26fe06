"""Zendesk's landed tables: what they mean, layout by layout."""

from pathlib import Path
from typing import Any

from landing import Rows, land, mapped, utc

T0, T1, T2, T3 = (utc(f"2024-03-0{day}T09:00:00") for day in (1, 2, 3, 4))
PEOPLE = [(1, "Gina Agent", "agent"), (2, "Ann Maria A", "end-user"), (3, "Former Agent", "end-user")]


def people(**more: Any) -> Rows:
    return [
        {"id": number, "name": name, "role": role, "organization_id": None if number != 2 else 9} | more
        for number, name, role in PEOPLE
    ]


def ticket(number: int, status: str, **more: Any) -> dict[str, Any]:
    common = {"id": number, "created_at": T0, "status": status, "requester_id": 2, "assignee_id": 3}
    return common | {"organization_id": None} | more


def fivetran_tables() -> dict[str, Rows]:
    def comment(number: int, person: int, at: Any, public: bool = True) -> dict[str, Any]:
        return {"id": number, "ticket_id": 7, "user_id": person, "created": at, "public": public}

    def change(field: str, value: str, at: Any) -> dict[str, Any]:
        return {"ticket_id": 7, "field_name": field, "value": value, "updated": at, "user_id": 3}

    return {
        "user": people(_fivetran_deleted=False),
        "ticket": [
            ticket(7, "open", via_channel="voice", merged_ticket_ids="[8]"),
            ticket(8, "closed", via_channel="email", merged_ticket_ids=None),
            ticket(9, "deleted", via_channel="email", merged_ticket_ids=None),
        ],
        # The internal note of the agent is no answer, the comment of the former agent is one.
        "ticket_comment": [comment(1, 2, T0), comment(2, 1, T1, public=False), comment(3, 3, T2)],
        "ticket_field_history": [
            change("status", "new", T0),
            change("status", "solved", T2),
            change("status", "open", T3),
            change("satisfaction_score", "bad", T2),
            change("satisfaction_score", "good", T3),
            change("subject", "x", T3),
        ],
    }


def test_a_ticket_is_told_by_its_comments_and_its_history(tmp_path: Path) -> None:
    result = mapped(land(tmp_path, fivetran_tables()), "zendesk")
    assert result.layouts == ["fivetran"]
    columns = ("ticket_id", "status", "first_responded_at", "resolved_at", "account_id", "channel")
    assert result.rows("tickets", *columns) == [("7", "open", "2024-03-03 09:00:00", None, "9", "phone")]
    assert result.rows("ticket_events", "occurred_at", "event_type", "user_id") == [
        ("2024-03-01 09:00:00", "customer_message", None),
        ("2024-03-03 09:00:00", "agent_message", "3"),
        ("2024-03-03 09:00:00", "resolved", "3"),
        ("2024-03-04 09:00:00", "reopened", "3"),
    ]
    answer = result.row("survey_responses", "response_id", "score::int", "scale_max::int", "responded_at")
    assert answer == ("7", 1, 1, "2024-03-04 09:00:00")
    assert result.rows("users", "user_id") == [("1",), ("3",)]
    assert result.rows("contacts", "contact_id", "first_name", "last_name") == [("2", "Ann Maria", "A")]
    left_out = result.left_out()
    assert left_out["entity ticket: deleted"] == 1
    assert left_out["entity ticket: merged into another"] == 1
    assert result.unbalanced() == []


def test_events_that_dlt_appends_count_once(tmp_path: Path) -> None:
    def children(event: int, row: str) -> Rows:
        common = {"_dlt_parent_id": row, "comment_public": None, "status": None, "assignee_id": None}
        return [
            common | {"id": event * 10, "comment_public": True, "_dlt_id": f"{row}a"},
            common
            | {"id": event * 10 + 1, "status": "solved" if event == 2 else "new", "_dlt_id": f"{row}b"},
        ]

    def event(number: int, person: int, at: Any, row: str) -> dict[str, Any]:
        return {"id": number, "ticket_id": 7, "updater_id": person, "created_at": at, "_dlt_id": row}

    tables = {
        "users": people(_dlt_id="u"),
        "tickets": [ticket(7, "closed", via__channel="native_messaging", tags='["vip"]', _dlt_id="t")],
        "ticket_metrics": [
            {"id": 1, "ticket_id": 7, "reply_time_in_minutes__calendar": 90, "solved_at": T1, "reopens": 3}
        ],
        "ticket_events": [event(1, 2, T0, "r1"), event(2, 1, T1, "r2"), event(2, 1, T1, "r3")],
        "ticket_events__child_events": [*children(1, "r1"), *children(2, "r2"), *children(2, "r3")],
        "satisfaction_ratings": [
            {"id": 1, "ticket_id": 7, "requester_id": 2, "score": "bad", "updated_at": T2},
            {"id": 2, "ticket_id": 7, "requester_id": 2, "score": "offered", "updated_at": T3},
        ],
    }
    result = mapped(land(tmp_path, tables), "zendesk")
    assert result.rows("ticket_events", "event_id", "event_type") == [
        ("10", "customer_message"),
        ("20", "agent_message"),
        ("21", "resolved"),
    ]
    columns = ("first_responded_at", "resolved_at", "channel", "reopen_count")
    assert result.row("tickets", *columns) == ("2024-03-01 10:30:00", "2024-03-02 09:00:00", "chat", None)
    assert result.rows("survey_responses", "response_id", "score::int") == [("1", 0)]
    left_out = result.left_out()
    assert left_out["entity ticket_event: older version"] == 1
    assert left_out["table survey_responses: offered, not given"] == 1
    assert result.unbalanced() == []


def test_a_ticket_is_due_by_the_target_of_its_resolution(tmp_path: Path) -> None:
    def target(metric: str, priority: str, minutes: int, hours: bool = False, at: Any = T0) -> dict[str, Any]:
        row = {"sla_policy_id": 1, "metric": metric, "priority": priority, "target": minutes}
        return row | {"business_hours": hours, "sla_policy_updated_at": at}

    tables = fivetran_tables() | {
        "ticket_sla_policy": [{"ticket_id": 7, "sla_policy_id": 1, "policy_applied_at": T0}],
        "sla_policy_metric_history": [
            target("first_reply_time", "high", 10),
            target("requester_wait_time", "high", 600),
            # The version that came later counts.
            target("requester_wait_time", "high", 120, at=T1),
            target("requester_wait_time", "low", 30),
            # In business hours a deadline can't be told from its minutes.
            target("agent_work_time", "high", 20, hours=True),
        ],
    }
    tables["ticket"] = [row | {"priority": "high"} for row in tables["ticket"]]
    result = mapped(land(tmp_path, tables), "zendesk")
    assert result.rows("tickets", "ticket_id", "due_at") == [("7", "2024-03-01 11:00:00")]
    assert result.left_out()["entity policy_target: in business hours"] == 1
    assert result.unbalanced() == []


def test_a_service_level_of_the_first_reply_is_none_of_the_resolution(tmp_path: Path) -> None:
    def event(number: int, metric: str, seconds: int, hours: bool = False) -> dict[str, Any]:
        row = {"id": number, "ticket_id": 7, "metric": metric, "type": "apply_sla", "time": T0}
        return row | {"sla__target_in_seconds": seconds, "sla__business_hours": hours}

    tables: dict[str, Rows] = {
        "tickets": [ticket(7, "open", via__channel="email", _dlt_id="t")],
        "ticket_metric_events": [
            event(1, "reply_time", 60),
            event(2, "periodic_update_time", 60),
            event(3, "requester_wait_time", 7200),
            event(4, "agent_work_time", 60, hours=True),
        ],
    }
    result = mapped(land(tmp_path, tables), "zendesk")
    assert result.row("tickets", "due_at") == ("2024-03-01 11:00:00",)


def test_tickets_that_airbyte_lists_as_deleted_are_left_out(tmp_path: Path) -> None:
    tables: dict[str, Rows] = {
        "tickets": [ticket(7, "open"), ticket(8, "open")],
        "deleted_tickets": [{"id": 8}],
    }
    result = mapped(land(tmp_path, tables), "zendesk")
    assert result.layouts == ["airbyte"]
    assert result.rows("tickets", "ticket_id") == [("7",)]
    assert result.left_out() == {"entity ticket: deleted": 1}


def test_a_list_of_tags_is_read_whatever_its_type(tmp_path: Path) -> None:
    merged: Rows = [ticket(7, "closed", tags=["closed_by_merge", "vip"]), ticket(8, "open", tags=[])]
    tables: dict[str, Rows] = {"tickets": merged, "deleted_tickets": [{"id": 9}]}
    assert mapped(land(tmp_path, tables), "zendesk").left_out() == {"entity ticket: merged into another": 1}
