"""Landed tables in a PostgreSQL database: a real server, where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crm_kpis.errors import InputError
from crm_kpis.sources.place import Place, fingerprint
from crm_kpis.sources.postgres import hide_password
from crm_kpis.sources.source import SourceSettings, read_settings
from landing import Mapped

DEALS = """
create table {schema}.deals (
    id text, dealstage text, pipeline text, createdate timestamptz, closedate timestamptz, amount numeric,
    is_deleted boolean, custom_fields jsonb, not_read bytea, _dlt_load_id text, _dlt_id text
);
insert into {schema}.deals values
    ('1', 'closedwon', 'default', '2024-01-10 11:00+01', '2024-03-05 00:00+00', 1200.5, false, '{{}}', 'x',
     '1', 'a'),
    ('2', 'new', 'default', '2024-02-01 10:00+00', null, null, false, null, null, '1', 'b'),
    ('2', 'closedlost', 'default', '2024-02-01 10:00+00', '2024-04-01 00:00+00', null, false, null, null,
     '2', 'c'),
    ('3', 'new', 'default', '2024-02-01 10:00+00', null, 5, true, null, null, '1', 'd');
create table {schema}.pipelines_deals (id text, label text, _dlt_id text);
insert into {schema}.pipelines_deals values ('default', 'Sales', 'p');
"""


def _find_binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/"), reverse=True)), None)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server of its own, which listens in a directory only."""
    binaries = _find_binaries()
    if binaries is None or not (binaries / "initdb").exists():
        pytest.skip("PostgreSQL is not installed: no initdb")
    # The path of a socket must be short.
    directory = tempfile.mkdtemp(dir="/tmp", prefix="pg")
    as_user: list[str] = []
    if os.geteuid() == 0:
        # Postgres refuses to run as root.
        try:
            shutil.chown(directory, "postgres")
        except LookupError:
            shutil.rmtree(directory)
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data = f"{directory}/data"
    initdb = [*as_user, str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", "loader", "--no-sync"]
    subprocess.run([*initdb, "-E", "UTF8", "--locale=C"], check=True, capture_output=True)
    options = ["-k", directory, "-c", "listen_addresses=", "-c", "fsync=off"]
    with subprocess.Popen(
        [*as_user, str(binaries / "postgres"), "-D", data, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        address = f"postgresql://loader@/postgres?host={directory}"
        _wait_for(address)
        yield address
        server.terminate()
    shutil.rmtree(directory)


def _wait_for(address: str) -> None:
    for _ in range(100):
        try:
            execute(address, "select 1")
        except Exception:
            # The driver has errors of many kinds while the server starts.
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server does not start")


def execute(address: str, sql: str) -> None:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an extra

    with dbapi.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in filter(str.strip, sql.split(";")):
            cursor.execute(statement)


def settings(address: str, schema: str | None, **more: Any) -> SourceSettings:
    source = {"vendor": "hubspot", "database": address, "schema": schema}
    return read_settings({"sources": [source]} | more, Path.cwd(), "the test")


@pytest.mark.slow
def test_a_schema_of_a_postgres_database_is_read(url: str) -> None:
    execute(url, "create schema crm;" + DEALS.format(schema="crm"))
    result = Mapped(settings(url, "crm"))
    assert result.layouts == ["dlt"]
    columns = ("deal_id", "status", "created_at", "closed_at", "amount::text", "pipeline")
    assert result.rows("deals", *columns) == [
        ("1", "won", "2024-01-10 10:00:00", "2024-03-05 00:00:00", "1200.5000", "Sales"),
        ("2", "lost", "2024-02-01 10:00:00", "2024-04-01 00:00:00", None, "Sales"),
    ]
    assert result.left_out() == {"entity deal: deleted": 1, "entity deal: older version": 1}
    assert result.unbalanced() == []
    # The only schema with tables need not be named.
    assert Mapped(settings(url, None)).rows("deals", "deal_id") == [("1",), ("2",)]
    assert SourceSettings.from_json(settings(url, "crm").to_json()) == settings(url, "crm")


@pytest.mark.slow
def test_a_write_is_seen_without_reading_the_tables(url: str) -> None:
    execute(url, "create schema seen;" + DEALS.format(schema="seen"))
    place = Place(Path(), "seen", url=url)
    before = _settled(place)
    assert fingerprint(place) == before
    # As long as what was there: no page is added.
    execute(url, "update seen.deals set amount = 7 where id = '2'")
    for _ in range(30):
        if fingerprint(place) != before:
            return
        time.sleep(0.1)
    pytest.fail("an update left the fingerprint as it was")


def _settled(place: Place) -> list[tuple[str, int, int]]:
    """The fingerprint when the server has counted what was written: it does so a moment later."""
    before = fingerprint(place)
    for _ in range(30):
        time.sleep(0.2)
        again = fingerprint(place)
        if again == before and any(count for _, _, count in again):
            return again
        before = again
    return before


def test_what_can_not_be_read_is_one_clear_line(url: str) -> None:
    with pytest.raises(InputError, match=r"has no schema none with tables\. There are: "):
        Mapped(settings(url, "none"))
    with pytest.raises(InputError, match=r"can\'t be read: .*nobody.*a password stands in the environment"):
        Mapped(settings(url.replace("loader@", "nobody:secret@"), "crm"))


def test_a_password_is_never_shown() -> None:
    address = "postgresql://loader:se:cr@et@db.example:5432/crm"
    assert "cr" not in hide_password(address).removesuffix("/crm")
    assert (
        hide_password("postgresql://loader@db.example:5432/crm") == "postgresql://loader@db.example:5432/crm"
    )
    assert "secret" not in str(Place(Path(), "crm", url="postgresql://loader:secret@db.example/crm"))
