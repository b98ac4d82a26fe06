"""`crm-kpis account`: what happened with one account, in time order."""

from __future__ import annotations

import io
import json

import duckdb
import pytest
from crm_kpis.errors import InputError
from crm_kpis.published.query import show_account
from crm_kpis.raw.personal_keys import published_keys


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


@pytest.fixture
def named(tmp_path):
    """Published marts in which names are keys, masked, and names of accounts are published."""
    masked = published_keys("Acme GmbH")[1]
    with duckdb.connect(tmp_path / "kpis.duckdb") as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.reporting_settings as select 'en' as report_language")
        connection.execute(
            "create table marts.dim_accounts as select * from (values"
            f" ('{masked}', null), ('A2', 'Bolt'), ('A3', 'Crane'), ('A4', 'Crane'), ('Bolt', null)"
            ") as accounts (account_id, account_name)"
        )
        connection.execute(
            "create table marts.account_timeline as"
            " select account_id, date '2026-01-01' as happened_on, 'Deal created' as what_happened_en,"
            " null as detail, 1.5 as amount, null as score, 'u1' as owner_id, account_id as record_id,"
            " 1 as event_order from marts.dim_accounts"
        )
    return tmp_path


@pytest.mark.parametrize(
    ("key", "found"),
    [
        # As the CRM has it.
        ("Acme GmbH", published_keys("Acme GmbH")[1]),
        (" Acme GmbH ", published_keys("Acme GmbH")[1]),
        (published_keys("Acme GmbH")[1], published_keys("Acme GmbH")[1]),
        # A key comes before a name.
        ("Bolt", "Bolt"),
        ("A2", "A2"),
    ],
)
def test_an_account_is_found_by_its_key_in_the_crm(named, key, found):
    stream = io.StringIO()
    show_account(named, key, None, "json", stream)
    assert [event["record_id"] for event in json.loads(stream.getvalue())] == [found]


def test_of_accounts_with_one_name_the_keys_are_told(named):
    with pytest.raises(InputError, match=r"^2 accounts are called 'Crane'. Give the key of one: A3, A4.$"):
        show_account(named, "Crane", None, "json", io.StringIO())
    with duckdb.connect(named / "kpis.duckdb") as connection:
        connection.execute("delete from marts.dim_accounts where account_id = 'A4'")
    stream = io.StringIO()
    show_account(named, "Crane", None, "json", stream)
    assert [event["record_id"] for event in json.loads(stream.getvalue())] == ["A3"]


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
