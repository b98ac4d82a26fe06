"""`crm-kpis alerts`: what somebody should look at, on the screen, for a program, or sent."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from crm_kpis.errors import InputError
from crm_kpis.published.alerts import Choice, send_alerts, show_alerts
from receivers import webhook


def _alerts(output: Path, choice: Choice, language: str | None = None) -> list[dict]:
    stream = io.StringIO()
    show_alerts(output, choice, language, "json", stream)
    return json.loads(stream.getvalue())


def test_the_most_urgent_come_first(sample_build):
    found = _alerts(sample_build.output, Choice())
    urgencies = [alert["urgency"] for alert in found]
    assert urgencies == sorted(urgencies, key=["high", "middle"].index)
    assert {"deal_overdue", "ticket_due", "lead_unanswered", "deal_long_in_stage"} <= {
        alert["rule"] for alert in found
    }


def test_a_choice_leaves_out_the_rest(sample_build):
    found = _alerts(sample_build.output, Choice())
    owner, team = next((alert["owner_id"], alert["team"]) for alert in found if alert["owner_id"] != "(none)")
    for choice, column, value in (
        (Choice(owner=owner), "owner_id", owner),
        (Choice(team=team), "team", team),
        (Choice(rule="deal_overdue"), "rule", "deal_overdue"),
        (Choice(only_new=True), "is_new", True),
    ):
        expected = [alert for alert in found if alert[column] == value]
        assert expected
        assert _alerts(sample_build.output, choice) == expected
    assert not _alerts(sample_build.output, Choice(owner="' or true --"))


def test_the_words_are_german_where_that_is_asked_for(sample_build):
    found = _alerts(sample_build.output, Choice(rule="ticket_due"), "de")
    assert all(alert["why"].startswith("nicht gelöst, fällig am ") for alert in found)


def test_alerts_are_sent_with_their_number(sample_build):
    choice = Choice(rule="deal_overdue")
    count = len(_alerts(sample_build.output, choice))
    with webhook() as (url, received):
        assert not send_alerts(sample_build.output, choice, "en", [url])
    [message] = received
    assert message["title"] == f"CRM KPIs: {count} alerts"
    lines = message["message"].splitlines()
    assert len(lines) == min(count, 51)
    assert lines[0].startswith("expected close was ")


def test_no_alert_sends_nothing(sample_build):
    with webhook() as (url, received):
        assert not send_alerts(sample_build.output, Choice(owner="nobody"), "en", [url])
    assert not received


def test_an_output_without_publication_is_an_error(tmp_path):
    with pytest.raises(InputError, match="published"):
        show_alerts(tmp_path, Choice(), None, "table", io.StringIO())


def test_the_command_prints_json(run_cli, sample_build):
    done = run_cli("alerts", "--rule", "deal_overdue", "--format", "json", "--output", sample_build.output)
    assert done.returncode == 0
    assert {alert["rule"] for alert in json.loads(done.stdout)} == {"deal_overdue"}
    refused = run_cli("alerts", "--notify", "no url", "--output", sample_build.output)
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: ")
