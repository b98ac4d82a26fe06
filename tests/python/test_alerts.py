"""`crm-kpis alerts`: what somebody should look at, on the screen, for a program, or sent."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from crm_kpis.errors import InputError
from crm_kpis.published.alerts import Choice, read_receivers, send_alerts, show_alerts
from crm_kpis.published.write import Run, publish
from crm_kpis.settings.read import read_settings
from publishing import make_node, make_run
from receivers import webhook


def _alerts(output: Path, choice: Choice, language: str | None = None) -> list[dict]:
    stream = io.StringIO()
    show_alerts(output, choice, language, "json", stream)
    return json.loads(stream.getvalue())


def test_the_most_urgent_come_first(sample_build):
    found = _alerts(sample_build.output, Choice())
    urgencies = [alert["urgency"] for alert in found]
    assert urgencies == sorted(urgencies, key=["high", "middle", "low"].index)
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


def test_each_receiver_gets_its_own(sample_build, run_cli, tmp_path):
    found = _alerts(sample_build.output, Choice())
    owner, team = next((alert["owner_id"], alert["team"]) for alert in found if alert["team"] != "(none)")
    with webhook() as (url, received):
        rows = [f"{owner},,a b@example.com,de", f",{team},{url}/team,", ",,everything,"]
        (tmp_path / "alert_receivers.csv").write_text(
            "\n".join(["owner_id,team,address,language", *rows]), encoding="utf-8"
        )
        options = ("--settings", tmp_path, "--output", sample_build.output)
        done = run_cli("alerts", "--each", "--notify", f"{url}/to/{{address}}", *options)
    assert (done.returncode, done.stderr) == (0, "")
    counts = [
        sum(alert["owner_id"] == owner for alert in found),
        sum(alert["team"] == team for alert in found),
        len(found),
    ]
    assert [message["title"] for message in received] == [
        f"CRM KPIs: {counts[0]} Hinweise",
        f"CRM KPIs: {counts[1]} alerts",
        f"CRM KPIs: {counts[2]} alerts",
    ]


def test_an_address_takes_the_place_in_the_url(tmp_path):
    rows = "owner_id,address\nU7,u7+crm@example.com\n"
    (tmp_path / "alert_receivers.csv").write_text(rows, encoding="utf-8")
    url = "mailto://me:secret@example.com?to={address}"
    [receiver] = read_receivers(read_settings(tmp_path), Choice(only_new=True), [url])
    assert receiver.url == "mailto://me:secret@example.com?to=u7%2Bcrm@example.com"
    assert receiver.choice == Choice(owner="U7", only_new=True)


@pytest.mark.parametrize(
    ("rows", "urls", "message"),
    [
        ("", [], "No alert_receivers.csv in .* says who gets alerts"),
        ("owner_id,address\nU7,u7@example.com\n", [], "line 2: 'u7@example.com' is no URL"),
        ("owner_id,address\nU7,u7@example.com\n", ["mailto://host?to=x"], "one URL with {address} in it"),
        ("owner_id,address\nU7,nowhere://x\n", [], "is no URL that apprise knows"),
    ],
)
def test_receivers_that_cannot_be_reached_are_refused(tmp_path, rows, urls, message):
    if rows:
        (tmp_path / "alert_receivers.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_receivers(read_settings(tmp_path), Choice(), urls)


def test_an_alert_of_the_publication_before_is_known(tmp_path):
    # The third publication is of three days later: a is known since the first, b is new.
    manifest = tmp_path / "manifest.json"
    nodes = {"model.alerts": make_node("alerts", "published")}
    manifest.write_text(json.dumps({"nodes": nodes, "sources": {}}), encoding="utf-8")
    runs: list[Run] = []
    for day, subjects in ((1, "ac"), (2, "a"), (5, "abc")):
        warehouse = tmp_path / f"warehouse{day}.duckdb"
        as_of = date(2024, 6, day)
        with duckdb.connect(warehouse) as connection:
            connection.execute(
                "create table alerts as select 'ticket_due' as rule, unnest(?) as subject_id, true as is_new,"
                " ?::date as known_since_on",
                [list(subjects), as_of],
            )
        runs.append(replace(make_run(day), as_of=as_of))
        publish(warehouse, manifest, tmp_path, runs)
    with duckdb.connect(tmp_path / "kpis.duckdb", read_only=True) as connection:
        found = connection.execute(
            "select subject_id, is_new, known_since_on from marts.alerts order by subject_id"
        ).fetchall()
    assert found == [
        ("a", False, date(2024, 6, 1)),
        ("b", True, date(2024, 6, 5)),
        ("c", True, date(2024, 6, 5)),
    ]


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
