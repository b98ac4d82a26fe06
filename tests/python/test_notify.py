"""People are told how a run ended, and a notification that fails changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from crm_kpis.errors import InputError
from crm_kpis.notify import check_urls, send
from crm_kpis.run.notification import Notification, describe
from crm_kpis.run.record import RunRecord
from crm_kpis.settings.read import read_settings
from pipeline import SAMPLE_DIR, build
from receivers import mail_server, webhook

# Nothing listens there.
_NOBODY = "json://127.0.0.1:9/secret-path"


def test_a_mail_and_a_webhook_get_title_and_lines():
    body = "rows_fewer of deals: 5 rows <b>\x1b[31m\nsecond line"
    with webhook() as (hook, posts), mail_server() as (address, mails):
        assert send([hook, address], "nothing published", body, "failure") == []
    assert [(post["title"], post["type"]) for post in posts] == [("nothing published", "failure")]
    # No control character reaches a terminal that shows it.
    assert posts[0]["message"] == "rows_fewer of deals: 5 rows <b>\\x1b[31m\nsecond line"
    (mail,) = mails
    assert (mail["Subject"], mail["To"]) == ("nothing published", "team@example.com")
    # As plain text, so that no letter is markup.
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == posts[0]["message"].splitlines()


# An interruption while what sends is being imported: at a module of which others are there by then.
INTERRUPTED = f"""
import os, signal, sys
from crm_kpis.notify import check_urls, send

class Interruption:
    def find_spec(self, name, *_):
        if name == "asyncio.streams" and self in sys.meta_path:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

assert "asyncio" not in sys.modules
sys.meta_path.insert(0, Interruption())
try:
    check_urls(["{_NOBODY}"])
except KeyboardInterrupt:
    print(send(["{_NOBODY}"], "title", "body"))
"""


def test_an_interruption_is_told_though_it_falls_into_an_import():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], check=False, capture_output=True, text=True)
    assert "Notification 1 was not sent: " in done.stdout, done.stderr


@pytest.mark.parametrize("status", [404, 500])
def test_what_is_not_taken_is_said_without_the_url(status: int):
    with webhook(status) as (hook, posts):
        (refused, unreached) = send([hook, _NOBODY], "title", "body")
    assert len(posts) == 1
    assert refused.startswith("Notification 1 was not sent: ")
    assert str(status) in refused
    assert unreached.startswith("Notification 2 was not sent: ")
    assert "secret" not in refused + unreached


@pytest.mark.slow
def test_a_url_that_apprise_does_not_know_is_refused_without_its_password(tmp_path: Path):
    with pytest.raises(InputError, match=r"Notification 2, 'smtpp', is no URL that apprise knows") as caught:
        check_urls([_NOBODY, "smtpp://me:secret@example.com"])
    assert "secret" not in str(caught.value)
    assert send(["smtpp://me:secret@example.com"], "title", "body")[0].startswith("Notification 1")
    done = build(tmp_path / "output", "--raw-dir", SAMPLE_DIR, "--notify", "smtpp://me:secret@example.com")
    assert (done.status, "is no URL that apprise knows" in done.stderr) == (2, True)
    assert "secret" not in done.all_output


@pytest.mark.slow
def test_a_failed_run_is_told_and_its_status_stays(tmp_path: Path):
    settings = tmp_path / "settings"
    settings.mkdir()
    with webhook() as (hook, posts):
        (settings / "settings.yml").write_text(f"notify: ['{hook}']\n", encoding="utf-8")
        given = ("--settings", settings, "--raw-dir", tmp_path / "nowhere")
        done = build(tmp_path / "output", *given)
        assert done.status == 2
        (post,) = posts
        assert (post["title"], post["type"]) == ("CRM KPIs: nothing published", "failure")
        assert "nowhere does not exist" in post["message"]
        assert "of nowhere: exit status 2." in post["message"]
        # The option comes before the setting; who can't be reached is only warned of.
        unreached = build(tmp_path / "output", *given, "--notify", _NOBODY)
        assert (unreached.status, len(posts)) == (2, 1)
        assert "Notification 1 was not sent" in unreached.stderr
        assert "secret-path" not in unreached.all_output
        # Settings that can't be read name nobody; the option still does.
        (settings / "settings.yml").write_text("notify_on: never\n", encoding="utf-8")
        broken = build(tmp_path / "output", *given, "--notify", hook)
        assert (broken.status, len(posts)) == (2, 2), broken.all_output
        assert "it is not an accepted value" in posts[1]["message"]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("failure", ["failed"]),
        ("warning", ["failed", "warned"]),
        ("always", ["failed", "warned", "published", "unchanged"]),
    ],
)
def test_who_wants_to_know_what_is_told_it(when: str, told: list[str], tmp_path: Path):
    from datetime import date  # noqa: PLC0415

    found = []
    with webhook() as (hook, posts):
        notification = Notification((), when)
        settings = read_settings(None)
        settings.values["notify"] = [hook]
        notification.configure(settings)
        for outcome in ("failed", "warned", "published", "unchanged"):
            record = RunRecord(tmp_path, "exports", date(2026, 7, 1))
            record.end(outcome if outcome != "warned" else "published", 0)
            record.values["warnings"] = ["two rows"] if outcome == "warned" else []
            notification.tell(record)
            found += [outcome] if posts and record.run_id in posts[-1]["message"] else []
    assert found == told


def test_only_the_first_lines_are_sent(tmp_path: Path):
    from datetime import date  # noqa: PLC0415

    record = RunRecord(tmp_path, "exports", date(2026, 7, 1))
    record.values["as_of"] = "2026-06-30"
    record.values["warnings"] = [f"warning {number}\nand more of it" for number in range(12)]
    record.end("published", 3)
    lines = describe(record.values).splitlines()
    assert lines[:2] == ["warning 0", "warning 1"]
    assert lines[9:] == [
        "warning 9",
        "(2 more lines in run.json)",
        f"Run {record.run_id} of exports, as of 2026-06-30: exit status 3.",
    ]
