"""`crm-kpis account`: what happened with one account, in time order."""

from __future__ import annotations

import io
import json

import pytest
from crm_kpis.errors import InputError
from crm_kpis.published.query import show_account


def events(sample_build, key, language=None):
    stream = io.StringIO()
    show_account(sample_build.output, key, language, "json", stream)
    return json.loads(stream.getvalue())


def test_an_account_is_shown_in_time_order(sample_build, sample_warehouse):
    found = events(sample_build, "A1")
    query = "select count(*) from main.account_timeline where account_id = 'A1'"
    assert [(len(found),)] == sample_warehouse.execute(query).fetchall()
    assert len(found) > 20
    days = [event["happened_on"] for event in found]
    assert days == sorted(days)
    assert {"Deal created", "Order placed", "Ticket created"} <= {event["what_happened"] for event in found}


def test_its_words_are_german_where_that_is_asked_for(sample_build):
    assert "Deal angelegt" in {event["what_happened"] for event in events(sample_build, "A1", "de")}


@pytest.mark.parametrize("key", ["no such account", "' or true --"])
def test_an_unknown_account_is_an_error_that_names_the_key(sample_build, key):
    with pytest.raises(InputError, match=r"Nothing is known of an account .*Keys are those of dim_accounts"):
        events(sample_build, key)


def test_the_command_says_what_is_wrong(run_cli, sample_build):
    done = run_cli("account", "nobody", "--output", sample_build.output)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: Nothing is known of an account 'nobody'.")
    shown = run_cli("account", "A1", "--output", sample_build.output, "--language", "de")
    assert shown.returncode == 0
    assert "Deal gewonnen" in shown.stdout or "Deal verloren" in shown.stdout
